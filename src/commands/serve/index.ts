import type {ServerState} from '../../core/serve/life/state.ts'
import type {ServeOptions} from '../../core/serve/options.ts'

import {BaseCommand, ExitError} from '../../base-command.ts'
import {asNpuBridgeError, EXIT} from '../../core/errors.ts'
import {resolvePaths} from '../../core/paths.ts'
import {SERVE_EXAMPLES} from '../../examples/serve.ts'
import {type ServeFlags, serveFlags, serveOptionsOf} from '../../flags/serve.ts'

export default class Serve extends BaseCommand {
  static override summary = 'Serve models by the Open Inference Protocol (KServe V2), over HTTP, gRPC and WebSocket'
  static override description = `Clients of Triton, KServe and OpenVINO Model Server work with it as they are. Models come from a folder and from the catalogue, and are loaded at their first use. Priorities, deadlines, batching and visible fallback are those of every other command.

On the loopback interface clients need no token. Beyond it they do: it is made at the first start and shown once (or given as NPUBRIDGE_TOKEN). SIGTERM lets requests end, a second one does not.`

  static override examples = SERVE_EXAMPLES

  static override flags = serveFlags

  async run(): Promise<ServerState | undefined> {
    const {flags} = await this.parse(Serve)
    const {startDetached} = await import('../../core/serve/life/detach.ts')
    const options = await serveOptionsOf(flags)
    if (!flags.detach) return this.#serve(options, flags)
    const {renderStarted} = await import('../../ui/serve.ts')
    const started = await startDetached({
      args: process.argv.slice(2).filter((argument) => argument !== '--detach'),
      env: process.env,
      folder: resolvePaths().servers,
      program: process.argv[1]!,
      signal: this.interrupted,
    })
    this.log(renderStarted(started.state, {isDetached: true, token: started.token}))
    return started.state
  }

  async #serve(options: ServeOptions, flags: ServeFlags): Promise<undefined> {
    const {servedEngine} = await import('../../core/open-bridge.ts')
    const {LOG_VARIABLE, reportStart} = await import('../../core/serve/life/detach.ts')
    const {runServer} = await import('../../core/serve/life/run.ts')
    const {createServeLog} = await import('../../core/serve/serve-log.ts')
    const {renderStarted} = await import('../../ui/serve.ts')
    try {
      await runServer({
        givenToken: process.env.NPUBRIDGE_TOKEN,
        log: createServeLog(options.logLevel, process.stderr),
        logFile: process.env[LOG_VARIABLE] ?? null,
        onStarted: (state, token) => {
          if (this.jsonEnabled()) this.logJson(state)
          else this.log(renderStarted(state, {isDetached: false, token}))
          reportStart({state, token})
        },
        openEngine: async () =>
          servedEngine(flags, {
            ...(options.models && {modelsFolder: options.models}),
            signal: this.interrupted,
          }),
        options,
        paths: resolvePaths(),
        renewToken: flags['new-token'],
        signal: this.interrupted,
        version: this.config.version,
      })
    } catch (error) {
      const reported = asNpuBridgeError(error)
      reportStart({error: reported.toJSON()})
      throw new ExitError(reported, reported.code === 'CONFIG_INVALID' ? EXIT.usage : reported.exitCode)
    }
  }
}
