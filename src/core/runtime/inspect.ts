/**
 * Looks at a runtime from a safe distance: in a child process with a time limit, because enumerating an NPU can crash
 * or hang whatever process does it.
 */
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import {z} from 'zod'

import {ERROR_CODES, type ErrorCode, NpuBridgeError} from '../errors.ts'
import {lastLines, type ProcessOutcome, type RunProcess, runProcess} from '../process/run.ts'
import {
  type DeviceTest,
  deviceTestSchema,
  type ModelInterface,
  modelInterfaceSchema,
  type RuntimeReport,
  runtimeReportSchema,
} from './report.ts'

export type {DeviceTest, ModelInterface, RuntimeDevice, RuntimeReport} from './report.ts'

/** Listing devices takes a fraction of a second; a driver that needs longer than this will not come back. */
export const INSPECT_TIMEOUT_MS = 20_000
/** Compiling for an NPU may go through the driver's compiler, which is slow the first time. */
export const TEST_TIMEOUT_MS = 60_000

/** What the child is asked for. */
export type ChildRequest =
  | {readonly kind: 'describe'; readonly folder: string; readonly model: string}
  | {readonly kind: 'inspect'; readonly folder: string}
  | {readonly kind: 'test'; readonly folder: string; readonly device: string}

/** How the child is started; replaced in tests. */
export interface ChildProgram {
  /** The Node.js executable. */
  readonly node: string
  readonly script: string
}

export interface ChildOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
  readonly child?: ChildProgram
  readonly run?: RunProcess
}

export interface InspectOptions extends ChildOptions {
  /** Also compiles and runs a tiny model on every device, each in a child of its own. */
  readonly functionalTest?: boolean
}

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  suggestions: z.array(z.string()).default([]),
  cause: z.string().optional(),
})
const answerSchema = z.union([z.object({value: z.unknown()}), z.object({error: errorSchema})])

/** The child beside this file: compiled, or as TypeScript when this file runs as such. */
export function defaultChild(): ChildProgram {
  const here = fileURLToPath(import.meta.url)
  return {node: process.execPath, script: path.join(path.dirname(here), `inspect-child${path.extname(here)}`)}
}

/**
 * The version and devices of the runtime in `folder`.
 *
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when it cannot be loaded or crashes, DEADLINE_EXCEEDED when it hangs,
 *   PROTOCOL_ERROR for an answer that makes no sense, UNSUPPORTED_OPERATION without the native engine
 */
export async function inspectRuntime(folder: string, options: InspectOptions = {}): Promise<RuntimeReport> {
  const {functionalTest = false, timeoutMs = INSPECT_TIMEOUT_MS, ...rest} = options
  const doing = `listing the devices of the runtime in ${folder}`
  const report = await ask({kind: 'inspect', folder}, runtimeReportSchema, doing, {...rest, timeoutMs})
  if (!functionalTest) return report
  const tests: DeviceTest[] = []
  for (const {name} of report.devices) tests.push(await testDevice(folder, name, rest))
  return {...report, tests}
}

/** Whether a tiny model runs on `device`. A failure of any kind is an answer too; only cancelling rejects. */
export async function testDevice(folder: string, device: string, options: ChildOptions = {}): Promise<DeviceTest> {
  const {timeoutMs = TEST_TIMEOUT_MS, ...rest} = options
  try {
    const doing = `running a tiny model on ${device} with the runtime in ${folder}`
    return await ask({kind: 'test', folder, device}, deviceTestSchema, doing, {...rest, timeoutMs})
  } catch (error) {
    if (!(error instanceof NpuBridgeError) || error.code === 'CANCELLED') throw error
    return {device, ok: false, error: {code: error.code, message: error.message}}
  }
}

/**
 * The inputs and outputs of the model in file `model`, as the runtime in `folder` reads them.
 *
 * @throws {NpuBridgeError} like {@link inspectRuntime}, and MODEL_INVALID for a file that is no model
 */
export async function describeModel(
  folder: string,
  model: string,
  options: ChildOptions = {},
): Promise<ModelInterface> {
  const {timeoutMs = TEST_TIMEOUT_MS, ...rest} = options
  return ask({kind: 'describe', folder, model}, modelInterfaceSchema, `reading the model ${model}`, {
    ...rest,
    timeoutMs,
  })
}

async function ask<T>(
  request: ChildRequest,
  schema: z.ZodType<T>,
  doing: string,
  {timeoutMs, signal, child = defaultChild(), run = runProcess}: ChildOptions & {timeoutMs: number},
): Promise<T> {
  const outcome = await run(child.node, [child.script, JSON.stringify(request)], {timeoutMs, signal, channel: true})
  // An answer that came whole counts, whatever became of the child while it was taking the libraries down.
  const answer = parse(outcome.channel)
  if (answer === undefined) throw noAnswer(outcome, doing, timeoutMs)
  const parsed = answerSchema.safeParse(answer)
  if (!parsed.success) throw rubbish(outcome, doing)
  if ('error' in parsed.data) throw asReported(parsed.data.error)
  const value = schema.safeParse(parsed.data.value)
  if (!value.success) throw rubbish(outcome, doing, value.error)
  return value.data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function noAnswer(outcome: ProcessOutcome, doing: string, timeoutMs: number): NpuBridgeError {
  if (outcome.timedOut) {
    return new NpuBridgeError(
      'DEADLINE_EXCEEDED',
      `${doing} took longer than ${timeoutMs} ms and was stopped.${said(outcome)}`,
      {
        suggestions: ['A device or driver hangs: npubridge probe', 'Look at the kernel log: sudo dmesg | tail -50'],
      },
    )
  }

  if (outcome.channel !== '' || (outcome.exitCode === 0 && outcome.signal === null)) return rubbish(outcome, doing)
  const end =
    outcome.startError ?? (outcome.signal ? `it was ended by ${outcome.signal}` : `exit code ${outcome.exitCode}`)
  return new NpuBridgeError('RUNTIME_NOT_FOUND', `${doing} crashed the process that tried: ${end}.${said(outcome)}`, {
    suggestions: ['See which part fails: npubridge probe', 'Install the runtime anew: npubridge setup --force'],
  })
}

function rubbish(outcome: ProcessOutcome, doing: string, cause?: unknown): NpuBridgeError {
  const shown = JSON.stringify(outcome.channel.slice(0, 200))
  const message = `${doing}: the answer makes no sense: ${shown}.${said(outcome)}`
  return new NpuBridgeError('PROTOCOL_ERROR', message, {
    cause,
    suggestions: ['The parts of npubridge may be of different versions: install it anew.'],
  })
}

function said({stderr}: ProcessOutcome): string {
  const lines = lastLines(stderr, 5)
  return lines.length === 0 ? '' : ` It said:\n  ${lines.join('\n  ')}`
}

function asReported({cause, code, message, suggestions}: z.infer<typeof errorSchema>): NpuBridgeError {
  const known = (ERROR_CODES as readonly string[]).includes(code) ? (code as ErrorCode) : 'INTERNAL'
  return new NpuBridgeError(known, message, {suggestions, ...(cause !== undefined && {cause})})
}
