/** One server for as long as its process lives. */
import type {ServeOptions} from '../options.ts'

import {type RunningServer, type ServerParts, startServer} from '../serve.ts'
import {processStartOf, removeState, runningServers, type ServerState, writeState} from './state.ts'

export interface RunOptions extends Omit<ServerParts, 'engine' | 'models' | 'readNodes'> {
  readonly options: ServeOptions
  /** With the models that it has, where they are not those of the folder, and the nodes where it is a pool. */
  readonly openEngine: () => Promise<Pick<ServerParts, 'engine' | 'models' | 'readNodes'>>
  /** Where the log of this process goes, where that is a file. */
  readonly logFile: string | null
  /** Ends the server. */
  readonly signal: AbortSignal
  /** The server is there; `token` is one that was made just now. */
  readonly onStarted: (state: ServerState, token: string | null) => void
}

/**
 * Runs a server until `signal` is aborted and what it was at has ended.
 *
 * @throws {NpuBridgeError} what keeps it from starting
 */
export async function runServer({
  logFile,
  onStarted,
  openEngine,
  options,
  signal,
  ...parts
}: RunOptions): Promise<void> {
  const {log, paths} = parts
  // Also takes away what killed servers have left.
  await runningServers(paths.servers)
  const server = await startServer(options, {...parts, ...(await openEngine())})
  const state = await stateOf(server, parts.version, logFile)
  try {
    await writeState(paths.servers, state)
    log.info('serving', {url: server.url, grpc: server.grpc, models: server.models})
    onStarted(state, server.freshToken)
    await aborted(signal)
    log.info('draining', {inFlight: server.metrics.inFlight, drainMs: options.drainMs})
  } finally {
    await server.stop()
    await removeState(paths.servers, state.pid)
    log.info('stopped')
  }
}

async function stateOf(server: RunningServer, version: string, log: string | null): Promise<ServerState> {
  const {grpc, models, needsToken, socket, url} = server
  return {
    pid: process.pid,
    processStart: await processStartOf(process.pid),
    startedAt: new Date().toISOString(),
    version,
    url,
    socket,
    grpc,
    models,
    needsToken,
    log,
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    // A signal alone does not keep a process alive, and a server on a Unix socket without clients hardly does.
    const alive = setInterval(() => {}, 2 ** 30)
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(alive)
        resolve()
      },
      {once: true},
    )
  })
}
