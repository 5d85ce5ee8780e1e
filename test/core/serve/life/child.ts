/** A server over a fake engine in a process of its own; prints its state when it takes requests. */
import {runServer} from '../../../../src/core/serve/life/run.ts'
import {parseServeOptions, type ServeOptionsInput} from '../../../../src/core/serve/options.ts'
import {createServeLog} from '../../../../src/core/serve/serve-log.ts'
import {FakeEngine} from '../fake-engine.ts'
import {pathsIn} from '../server.ts'

const [folder, options] = process.argv.slice(2)
const controller = new AbortController()
process.once('SIGTERM', () => {
  controller.abort()
})
await runServer({
  log: createServeLog('silent', process.stderr),
  logFile: null,
  onStarted(state) {
    process.stdout.write(`${JSON.stringify(state)}\n`)
  },
  openEngine: async () => ({engine: new FakeEngine()}),
  options: parseServeOptions({grpcPort: null, port: 0, ...(JSON.parse(options!) as ServeOptionsInput)}),
  paths: pathsIn(folder!),
  signal: controller.signal,
  version: '0',
})
