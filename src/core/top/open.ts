/** Chooses what `top` looks at. */
import path from 'node:path'

import {NpuBridgeError} from '../errors.ts'
import {type BridgeFlags, openBridge} from '../open-bridge.ts'
import {LiveRoot} from '../probe/root.ts'
import {runningServers} from '../serve/life/state.ts'
import {NpuTelemetry} from '../serve/live/telemetry.ts'
import {EngineSource} from './engine-source.ts'
import {type TopReport, TopState} from './report.ts'
import {connectSource} from './server-source.ts'
import {type TopSource} from './source.ts'

export interface TopFlags extends BridgeFlags {
  readonly server?: string | undefined
  readonly socket?: string | undefined
  /** An engine in this process, also where a server runs. */
  readonly own?: boolean | undefined
  readonly exercise?: string | undefined
}

/**
 * A server that is named; else the only one that runs here; else an engine in this process.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT where several servers run and none is named; what keeps it from being opened
 */
export async function openSource(
  {exercise, own = false, server, socket, ...flags}: TopFlags,
  {serversFolder, token}: {readonly serversFolder: string; readonly token: string | undefined},
): Promise<TopSource> {
  if (server !== undefined) return connectSource(server, token)
  if (socket !== undefined) return connectSource(`http+unix://${encodeURIComponent(path.resolve(socket))}`, token)
  const asksForEngine = own || exercise !== undefined || Object.values(flags).some((flag) => flag !== undefined)
  const servers = asksForEngine ? [] : await runningServers(serversFolder)
  if (servers.length > 1) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${servers.length} servers run here`, {
      suggestions: [...servers.map(({url}) => `npubridge top --server ${url}`), 'npubridge top --own'],
    })
  }

  const [only] = servers
  if (only) return connectSource(only.url, token)
  const npu = new NpuTelemetry(new LiveRoot())
  return new EngineSource({engine: await openBridge(flags), exercise, readTelemetry: () => npu.read()})
}

/** Between two readings, so that rates mean something. */
const LEAST_APART_MS = 500
const PATIENCE_MS = 20_000

/**
 * One report, with rates over about a second.
 *
 * @throws {NpuBridgeError} PROTOCOL_ERROR where the source goes before it is complete, CANCELLED
 */
export async function readOnce(source: TopSource, signal: AbortSignal): Promise<TopReport> {
  const state = new TopState(source)
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new NpuBridgeError('PROTOCOL_ERROR', `${source.name} told nothing for ${PATIENCE_MS / 1000} s`))
    }, PATIENCE_MS)
    signal.addEventListener('abort', () => {
      clearTimeout(late)
      reject(new NpuBridgeError('CANCELLED', 'interrupted'))
    })
    source.start(LEAST_APART_MS, {
      onLost(why) {
        clearTimeout(late)
        reject(new NpuBridgeError('PROTOCOL_ERROR', `${source.name} cannot be read: ${why}`))
      },
      onReading(reading) {
        state.add(reading)
        if (!state.hasRates) return
        clearTimeout(late)
        resolve(state.report())
      },
    })
  })
}
