/**
 * Questions to a child process, for what may crash or hang: the answer comes over IPC, so that whatever a driver
 * prints cannot be taken for it.
 */
import {execaNode} from 'execa'

import type {InspectOptions} from './effects.ts'

import {NpuBridgeError} from '../errors.ts'
import {printable} from './reading.ts'

const LAST_LINES = 5
const MOST_OUTPUT = 1 << 20

/**
 * Runs the module `file` in a child and gives the first message that it sends.
 *
 * A crash, a hang or silence rejects with DEVICE_LOST, DEADLINE_EXCEEDED or PROTOCOL_ERROR; signal and last lines of
 * stderr are in the message, one a line.
 */
export async function askChild(file: string, args: readonly string[], options: InspectOptions): Promise<unknown> {
  const {signal, timeoutMs, without = []} = options
  const result = await execaNode(file, args, {
    env: Object.fromEntries(without.map((name) => [name, undefined])),
    forceKillAfterDelay: 500,
    ipc: true,
    maxBuffer: MOST_OUTPUT,
    nodeOptions: [],
    reject: false,
    serialization: 'json',
    stdin: 'ignore',
    timeout: timeoutMs,
    ...(signal && {cancelSignal: signal}),
  })
  signal?.throwIfAborted()
  const [answer] = result.ipcOutput
  if (answer !== undefined && !result.signal) return answer
  const lines = printable(result.stderr).split('\n').filter(Boolean).slice(-LAST_LINES)
  const seen = (what: string) => [what, ...lines].join('\n')
  if (result.timedOut) throw new NpuBridgeError('DEADLINE_EXCEEDED', seen(`no answer within ${timeoutMs / 1000} s`))
  if (result.signal) throw new NpuBridgeError('DEVICE_LOST', seen(`killed by ${result.signal}`))
  throw new NpuBridgeError('PROTOCOL_ERROR', seen(`ended with code ${result.exitCode} and no answer`))
}
