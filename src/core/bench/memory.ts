import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {z} from 'zod'

import type {EngineSelection} from './open-engine.ts'

import {ERROR_CODES, NpuBridgeError} from '../errors.ts'
import {lastLines, type ProcessOutcome, runProcess} from '../process/run.ts'

export interface MemoryRequest {
  readonly selection: EngineSelection
  readonly operations: number
  /** Numbers of eight bytes that each operation brings. */
  readonly elements: number
}

/** Resident memory of a process, in bytes. */
export interface MemoryUse {
  /** Of Node.js before anything of ours is loaded. */
  readonly bare: number
  /** With an engine that is ready. */
  readonly base: number
  /** When pools and heaps have been filled, before the operations that count. */
  readonly before: number
  readonly after: number
  readonly operations: number
}

const TIMEOUT_MS = 60_000

const answerSchema = z.union([
  z.object({
    value: z.object({
      bare: z.number(),
      base: z.number(),
      before: z.number(),
      after: z.number(),
      operations: z.number(),
    }),
  }),
  z.object({
    error: z.object({code: z.enum(ERROR_CODES), message: z.string(), suggestions: z.array(z.string())}),
  }),
])

/** Does operations in a process of its own and tells what became of its memory. */
export async function measureMemory(request: MemoryRequest, signal?: AbortSignal): Promise<MemoryUse> {
  const here = fileURLToPath(import.meta.url)
  const script = path.join(path.dirname(here), `memory-child${path.extname(here)}`)
  const args = ['--expose-gc', script, JSON.stringify(request)]
  const outcome = await runProcess(process.execPath, args, {channel: true, signal, timeoutMs: TIMEOUT_MS})
  const answer = answerSchema.safeParse(parse(outcome.channel))
  if (!answer.success) throw noAnswer(outcome)
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

function noAnswer(outcome: ProcessOutcome): NpuBridgeError {
  const end = outcome.timedOut
    ? `took longer than ${TIMEOUT_MS / 1000} s`
    : outcome.signal
      ? `was ended by ${outcome.signal}`
      : (outcome.startError ?? `ended with exit code ${outcome.exitCode}`)
  const words = lastLines(outcome.stderr, 1)
  return new NpuBridgeError(
    'INTERNAL',
    `the process whose memory is measured ${end}${words.length > 0 ? `; it said last: ${words[0]}` : ''}`,
  )
}
