/** `--test`: whether each device computes, computes right, and how fast; one child process a device. */
import path from 'node:path'
import {z} from 'zod'

import {asNpuBridgeError, type ErrorReport} from '../errors.ts'
import {type RunProcess, runProcess} from '../process/run.ts'
import {askChild} from './child.ts'
import {errorReport} from './native.ts'

/** Timings of one model on one device. */
export interface Run {
  /** From asking until the first answer, compiling included, in ms. */
  readonly firstMs: number
  /** Of later inferences, one at a time, in µs. */
  readonly medianUs: number
  readonly p99Us: number
  /** Inferences a second with several in flight. */
  readonly perSecond: number
  readonly samples: number
}

/** What came of one model on one device. */
export interface ModelTest {
  /** "matrix multiplication 64×64", or the name of a model. */
  readonly model: string
  readonly device: string
  readonly run: Run | null
  /** The largest deviation from the CPU's numbers, relative to the largest of them; null for the CPU itself. */
  readonly deviation: number | null
  readonly ok: boolean
  /** Why it is not ok. */
  readonly error: ErrorReport | null
}

const TIMINGS = z.object({
  firstMs: z.number(),
  medianUs: z.number(),
  p99Us: z.number(),
  perSecond: z.number(),
  samples: z.number(),
})

const ANSWER = z.object({
  model: z.string(),
  run: TIMINGS.nullable(),
  /** The outputs' numbers, one after the other. */
  numbers: z.number().array(),
  error: errorReport.nullable(),
})

type Answer = z.infer<typeof ANSWER>

export interface TestRequest {
  readonly runtime: string
  readonly modelsFolder: string
  /** A catalogue model that is installed; null for the tiny one alone. */
  readonly model: string | null
  readonly device: string
}

export interface TestOptions extends Omit<TestRequest, 'device'> {
  /** As OpenVINO lists them. */
  readonly devices: readonly string[]
  /** The limit of each device, 60 s unless told. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
  readonly run?: RunProcess
}

const LIMIT_MS = 60_000
/** What devices that compute in FP16 may deviate by. */
const MOST_DEVIATION = 0.02
const CHILD = path.join(import.meta.dirname, `test-child${path.extname(import.meta.filename)}`)

/** Tests every device, the CPU first, since the others are compared with it. Never rejects but for an abort. */
export async function testDevices(options: TestOptions): Promise<readonly ModelTest[]> {
  const others = options.devices.filter((device) => device !== 'CPU')
  const reference = await askDevice('CPU', options)
  const results = options.devices.includes('CPU') ? judge('CPU', reference, null) : []
  for (const device of others) results.push(...judge(device, await askDevice(device, options), reference))
  return results
}

async function askDevice(device: string, options: TestOptions): Promise<Answer[]> {
  const {model, modelsFolder, run = runProcess, runtime, signal, timeoutMs = LIMIT_MS} = options
  const request: TestRequest = {device, model, modelsFolder, runtime}
  try {
    const answer = await askChild(CHILD, [JSON.stringify(request)], {timeoutMs, ...(signal && {signal})}, run)
    return ANSWER.array().parse(answer)
  } catch (error) {
    signal?.throwIfAborted()
    const {code, message, suggestions} = asNpuBridgeError(error)
    return [{error: {code, message, suggestions: [...suggestions]}, model: 'all', numbers: [], run: null}]
  }
}

function judge(device: string, answers: readonly Answer[], reference: readonly Answer[] | null): ModelTest[] {
  return answers.map(({error, model, numbers, run}) => {
    const expected = reference?.find((answer) => answer.model === model)?.numbers
    const deviation = expected && error === null ? deviationOf(numbers, expected) : null
    const isRight = deviation === null || deviation <= MOST_DEVIATION
    return {
      deviation,
      device,
      error: error ?? (isRight ? null : wrong(deviation)),
      model,
      ok: isRight && error === null,
      run,
    }
  })
}

/** Infinite for numbers that are none, or of another count. */
function deviationOf(numbers: readonly number[], expected: readonly number[]): number {
  if (numbers.length !== expected.length) return Infinity
  const largest = Math.max(1e-6, ...expected.map(Math.abs))
  const differences = numbers.map((number, index) => Math.abs(number - expected[index]!))
  return differences.some(Number.isNaN) ? Infinity : Math.max(0, ...differences) / largest
}

function wrong(deviation: number): ErrorReport {
  const message = `its numbers deviate from the CPU's by ${(deviation * 100).toFixed(1)} %, more than ${MOST_DEVIATION * 100} %`
  return {code: 'INTERNAL', message, suggestions: []}
}
