import type {InspectOptions} from './effects.ts'

/**
 * Questions to a child process, for what may crash or hang. The answer comes on a descriptor of its own, so that
 * whatever a driver prints cannot be taken for it.
 */
import {NpuBridgeError} from '../errors.ts'
import {lastLines, type ProcessOutcome, type RunProcess, runProcess} from '../process/run.ts'
import {printable} from './reading.ts'

const LAST_LINES = 5

/**
 * Runs the module `file` in a child and gives the JSON that it writes to descriptor 3.
 *
 * A crash, a hang or rubbish rejects with DEVICE_LOST, DEADLINE_EXCEEDED or PROTOCOL_ERROR; what happened and the last
 * lines of stderr are in the message, one a line.
 */
export async function askChild(
  file: string,
  args: readonly string[],
  options: InspectOptions,
  run: RunProcess = runProcess,
): Promise<unknown> {
  const {signal, timeoutMs, without = []} = options
  const env = Object.fromEntries(without.map((name) => [name, undefined]))
  const outcome = await run(process.execPath, [file, ...args], {channel: true, env, signal, timeoutMs})
  try {
    return JSON.parse(outcome.channel)
  } catch {
    throw noAnswer(outcome, timeoutMs)
  }
}

function noAnswer(outcome: ProcessOutcome, timeoutMs: number): NpuBridgeError {
  const lines = lastLines(printable(outcome.stderr), LAST_LINES)
  const failure = (code: 'DEADLINE_EXCEEDED' | 'DEVICE_LOST' | 'PROTOCOL_ERROR', what: string) =>
    new NpuBridgeError(code, [what, ...lines].join('\n'))
  if (outcome.timedOut) return failure('DEADLINE_EXCEEDED', `no answer within ${timeoutMs / 1000} s`)
  if (outcome.signal) return failure('DEVICE_LOST', `killed by ${outcome.signal}`)
  return failure(
    'PROTOCOL_ERROR',
    outcome.startError ?? `ended with code ${outcome.exitCode} and no answer that can be read`,
  )
}
