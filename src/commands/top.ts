import type {TopReport} from '../core/top/report.ts'
import type {TopSource} from '../core/top/source.ts'
import type {Watching} from '../core/top/watch.ts'

import {BaseCommand} from '../base-command.ts'
import {topFlags} from '../flags/top.ts'

/** Apart from `using`: tsc does not rewrite the names of files that are imported in a function with it. */
const loadTop = async () => ({
  ...(await import('../core/paths.ts')),
  ...(await import('../core/top/open.ts')),
  ...(await import('../core/top/watch.ts')),
  ...(await import('../ui/top/once.ts')),
  ...(await import('../ui/top/screen.ts')),
})

export default class Top extends BaseCommand {
  static override summary = 'What the bridge is doing now, in a terminal'
  static override description = `Looks at the server that is named, else at the only one that runs here, else at an engine of its own. Shows throughput, latencies, queue, devices with their circuit breakers, NPU telemetry, models, fallbacks and errors.

Keys: q quits, p pauses, s sorts by the next column, r reverses, the arrows scroll. A server that goes is waited for. The token of a server is taken from NPUBRIDGE_TOKEN.`

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'The server that runs here'},
    {
      command: `<%= config.bin %> <%= command.id %> --once --json --server http://127.0.0.1:8000 | jq .throughput`,
      description: 'One figure, for scripts',
    },
    {
      command: '<%= config.bin %> <%= command.id %> --device cpu --exercise silero-vad',
      description: 'An engine of its own, at work',
    },
    {
      description: 'A server on a Unix socket, every five seconds',
      command: '<%= config.bin %> <%= command.id %> --socket ~/.npubridge.sock --interval 5000',
    },
    {
      description: 'An engine of its own, though a server runs',
      command: '<%= config.bin %> <%= command.id %> --own --engine native',
    },
  ]

  static override flags = topFlags

  async run(): Promise<TopReport | undefined> {
    const {flags} = await this.parse(Top)
    const {resolvePaths, openSource, readOnce, renderOnce} = await loadTop()
    const {interval, json: _json, once, ...chosen} = flags as typeof flags & {json?: boolean}
    await using source = await openSource(chosen, {
      serversFolder: resolvePaths().servers,
      token: process.env.NPUBRIDGE_TOKEN,
    })
    if (!once && !this.jsonEnabled() && process.stdout.isTTY) {
      await this.#watch(source, interval)
      return
    }

    const report = await readOnce(source, this.interrupted)
    this.log(renderOnce(report))
    return report
  }

  async #watch(source: TopSource, interval: number): Promise<undefined> {
    const {watchSource, statusOf, TopScreen} = await loadTop()
    const {promise: over, resolve: quit} = Promise.withResolvers<void>()
    this.interrupted.addEventListener('abort', () => {
      quit()
    })
    const watching: Watching = watchSource(source, interval, () => {
      screen.draw()
    })
    const read = () => ({rates: watching.rates, status: statusOf(watching), top: watching.report()})
    using screen = new TopScreen(process, {onQuit: quit, read})
    screen.draw()
    await over
  }
}
