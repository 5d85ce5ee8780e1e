/** Programs beside this file that do one thing in a process of their own and tell what came of it. */
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {z} from 'zod'

import {ERROR_CODES, NpuBridgeError} from '../errors.ts'
import {lastLines, type ProcessOutcome, runProcess} from '../process/run.ts'

const TIMEOUT_MS = 60_000

const errorSchema = z.object({
  error: z.object({code: z.enum(ERROR_CODES), message: z.string(), suggestions: z.array(z.string())}),
})

/**
 * Starts the program `name` with `request` as its argument and waits for what it writes to file descriptor 3.
 *
 * @throws {NpuBridgeError} what the program reports; INTERNAL when it ends without an answer that makes sense
 */
export async function askChild<T>(
  name: string,
  nodeOptions: readonly string[],
  request: unknown,
  schema: z.ZodType<T>,
  signal?: AbortSignal,
): Promise<T> {
  const here = fileURLToPath(import.meta.url)
  const script = path.join(path.dirname(here), `${name}${path.extname(here)}`)
  const args = [...nodeOptions, script, JSON.stringify(request)]
  const outcome = await runProcess(process.execPath, args, {channel: true, signal, timeoutMs: TIMEOUT_MS})
  const answer = z.union([z.object({value: schema}), errorSchema]).safeParse(parse(outcome.channel))
  if (!answer.success) throw noAnswer(name, outcome)
  if ('value' in answer.data) return answer.data.value
  const {code, message, suggestions} = answer.data.error
  throw new NpuBridgeError(code, message, {suggestions})
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function noAnswer(name: string, outcome: ProcessOutcome): NpuBridgeError {
  const said = lastLines(outcome.stderr, 1).map((line) => `; it said last: ${line}`)
  return new NpuBridgeError('INTERNAL', `the process ${name} ${endOf(outcome)} without an answer${said.join('')}`)
}

function endOf({exitCode, signal, startError, timedOut}: ProcessOutcome): string {
  if (timedOut) return `took longer than ${TIMEOUT_MS / 1000} s and was ended`
  if (signal !== null) return `was ended by ${signal}`
  return startError === null ? `ended with exit code ${exitCode}` : `could not be started (${startError})`
}
