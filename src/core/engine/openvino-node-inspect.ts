/** Which devices `openvino-node` sees, asked in a child process that may crash or hang. */
import {execa} from 'execa'
import path from 'node:path'

import {type ErrorReport, NpuBridgeError} from '../errors.ts'

export interface PeerReport {
  readonly version: string
  readonly folder: string
  readonly devices: ReadonlyArray<{readonly fullName: string | null; readonly name: string}>
}

export interface InspectPeerOptions {
  /** @default 20000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
  /** The file from which the package is resolved; npubridge itself when absent. */
  readonly from?: string | undefined
}

/**
 * Loads the peer in a child process.
 *
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when it is not there, too old or cannot be loaded; DEVICE_UNAVAILABLE when
 * the child crashes, hangs or tells nonsense; CANCELLED
 */
export async function inspectPeer(options: InspectPeerOptions = {}): Promise<PeerReport> {
  const {from, signal, timeoutMs = 20_000} = options
  const child = path.join(import.meta.dirname, `openvino-node-child${path.extname(import.meta.filename)}`)
  const result = await execa(process.execPath, [child, ...(from ? [from] : [])], {
    reject: false,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    ...(signal && {cancelSignal: signal}),
  })
  if (result.isCanceled) throw new NpuBridgeError('CANCELLED', 'interrupted', {cause: signal?.reason})
  const report = parse(result.stdio[3])
  if (report?.error) {
    const {code, message, suggestions} = report.error
    throw new NpuBridgeError(code, message, {suggestions})
  }

  if (report?.devices) return report as PeerReport
  const how = result.timedOut
    ? `did not answer within ${timeoutMs} ms`
    : result.signal
      ? `was killed by ${result.signal}`
      : `exited with code ${String(result.exitCode)}`
  const said = result.stderr.trim().split('\n').at(-1)
  throw new NpuBridgeError('DEVICE_UNAVAILABLE', `the process that asked openvino-node for its devices ${how}`, {
    cause: said ? new Error(said) : undefined,
    suggestions: ['Run another engine: --engine native or --engine legacy.'],
  })
}

function parse(output: unknown): (Partial<PeerReport> & {error?: ErrorReport}) | undefined {
  try {
    return JSON.parse(String(output)) as Partial<PeerReport> & {error?: ErrorReport}
  } catch {
    return undefined
  }
}
