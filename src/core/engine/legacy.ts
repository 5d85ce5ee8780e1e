/**
 * The engine of last resort and the baseline of every comparison: the old Python module, or its reference, in a child
 * process. It coordinates, routes and, with numpy, multiplies; models are beyond it.
 *
 * What is on the pipe can be neither overtaken nor called back, so only as much is sent ahead as keeps the process
 * busy for a moment; everything else waits on our side, where priorities, deadlines and cancellation count.
 */
import {stat} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'

import type {
  BatchElement,
  Engine,
  Fallback,
  Health,
  MetricsSnapshot,
  Operation,
  OperationResult,
  OperationType,
  SubmitOptions,
} from './engine.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {benchmarkResult} from './benchmark.ts'
import {type Answer, Dispatcher, type Executor, TryAgain} from './dispatcher.ts'
import {arrayLike, decodeMatrix, encode, type EncodedMatrix, isNumbers} from './legacy-encoding.ts'
import {
  type CoordinationMeasurement,
  type CoordinationRequest,
  type Dependencies,
  type Measure,
  measureCoordination,
  measureOpenLoop,
  measureWorkflow,
  type OpenLoopMeasurement,
  type OpenLoopRequest,
  type WorkflowMeasurement,
} from './legacy-measure.ts'
import {
  type LegacyGreeting,
  type LegacyProcess,
  type LegacyProcessOptions,
  ProcessEnded,
  type Reply,
  startLegacyProcess,
} from './legacy-process.ts'
import {metricsText} from './metrics-text.ts'
import {installHints} from './python.ts'

const REFERENCE_FOLDER = path.join(import.meta.dirname, '../../../native/python/python/npubridge/_reference')

/** How much work, by past experience, is sent ahead of the answers. */
const AHEAD_US = 2000
const AHEAD_AT_MOST = 64
/** Weight of the newest time in the average that experience is. */
const NEWEST = 0.2

/** What may run twice without harm, and so is tried once more when the process dies under it. */
const REPEATABLE: ReadonlySet<OperationType> = new Set([
  'echo',
  'health_check',
  'initialize',
  'matrix_multiply',
  'route',
  'statistics',
])

/** 100 ms for each of ten tasks that sleep side by side, and some for the work around it. */
const SLEEP_PER_TASK_MS = 15

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2000
/** How long a process without work may take to end by itself. */
const GOODBYE_MS = 500

/** What the old module has nothing for. */
const BEYOND: ReadonlySet<OperationType> = new Set(['embed', 'inference', 'load_model', 'signal', 'unload_model'])

export interface LegacyOptions {
  /** The user's archived module; the reference that ships with npubridge when absent. */
  readonly module?: string | undefined
  /**
   * Whether the module sleeps where it pretends to work, as it was shipped.
   *
   * @default false
   */
  readonly sleep?: boolean
  /**
   * How many operations may wait.
   *
   * @default 16384
   */
  readonly capacity?: number | undefined
  /** Written into every result. */
  readonly fallback?: Fallback | null | undefined
  /**
   * How long loading the module may take, in milliseconds.
   *
   * @default 10000
   */
  readonly startLimitMs?: number
  /**
   * How long one operation may take, in milliseconds.
   *
   * @default 30000
   */
  readonly operationLimitMs?: number
  /**
   * How often in a row the process is started anew without having answered anything.
   *
   * @default 5
   */
  readonly restarts?: number
  readonly env?: NodeJS.ProcessEnv
  readonly platform?: NodeJS.Platform
  /** The text of /etc/os-release, for suggestions. */
  readonly osRelease?: string
}

/**
 * Starts the legacy engine.
 *
 * @throws {NpuBridgeError} LEGACY_FAILED when there is no suitable Python or the module cannot be loaded;
 * INVALID_ARGUMENT when `module` is no file
 */
export async function createLegacyEngine(options: LegacyOptions = {}): Promise<LegacyEngine> {
  if (options.module !== undefined) await requireLegacyModule(options.module)
  const launch = {
    runner: path.join(REFERENCE_FOLDER, 'legacy_runner.py'),
    module: options.module === undefined ? undefined : path.resolve(options.module),
    sleep: options.sleep ?? false,
    startLimitMs: options.startLimitMs ?? 10_000,
    env: options.env ?? process.env,
    platform: options.platform,
    osRelease: options.osRelease,
  }
  return new LegacyEngine(await startLegacyProcess(launch), launch, options)
}

export class LegacyEngine implements Engine {
  readonly kind = 'legacy'
  readonly #launch: LegacyProcessOptions
  readonly #operationLimitMs: number
  readonly #restarts: number
  readonly #fallback: Fallback | null
  readonly #dispatcher: Dispatcher
  readonly #expectedUs = new Map<string, number>()
  #process: LegacyProcess
  #aheadUs = 0
  #crashes = 0
  readonly #closing = new AbortController()
  #restarting: Promise<void> | undefined
  #state: 'closed' | 'failed' | 'restarting' | 'running' = 'running'

  constructor(process: LegacyProcess, launch: LegacyProcessOptions, options: LegacyOptions) {
    this.#process = process
    this.#launch = launch
    this.#operationLimitMs = options.operationLimitMs ?? 30_000
    this.#restarts = options.restarts ?? 5
    this.#fallback = options.fallback ?? null
    const executor: Executor = {
      check: (operation) => {
        this.#check(operation)
      },
      hasRoom: (operation) => this.#hasRoom(operation.type),
      run: async (operation, attempt) => this.#run(operation, attempt),
    }
    this.#dispatcher = new Dispatcher({
      engine: this.kind,
      executor,
      fallback: options.fallback,
      capacity: options.capacity,
    })
    this.#watch(process)
  }

  /** What the process told of itself: Python, module, generations, whether numpy is there. */
  get about(): LegacyGreeting {
    return this.#process.greeting
  }

  async submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult> {
    return this.#dispatcher.submit(operation, options)
  }

  async submitBatch(operations: readonly Operation[], options?: SubmitOptions): Promise<BatchElement[]> {
    return this.#dispatcher.submitBatch(operations, options)
  }

  async health(): Promise<Health> {
    return {
      status: this.#state === 'running' ? 'ok' : this.#state === 'restarting' ? 'degraded' : 'failed',
      engine: this.kind,
      performanceMode: 'legacy',
      devices: [],
      queueDepth: this.#dispatcher.queueDepth,
      running: this.#dispatcher.running,
      models: [],
      fallback: this.#fallback,
      runtime: null,
    }
  }

  metrics(): MetricsSnapshot {
    return this.#dispatcher.metrics()
  }

  metricsText(): string {
    return metricsText(this.metrics())
  }

  async shutdown({drainMs = 0}: {drainMs?: number} = {}): Promise<void> {
    await this.#dispatcher.drain(drainMs)
    this.#state = 'closed'
    this.#closing.abort()
    await this.#restarting
    await this.#process.stop(this.#process.pending > 0 ? 0 : GOODBYE_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  /** Times the creation and execution of one workflow of `tasks` tasks with all priorities. */
  async measureWorkflow(
    tasks: number,
    options: {dependencies?: Dependencies; limitMs?: number} = {},
  ): Promise<WorkflowMeasurement> {
    const {dependencies, limitMs = this.#workflowLimitMs(tasks)} = options
    return measureWorkflow(this.#measure, tasks, {dependencies, limitMs})
  }

  /**
   * Times operations of `elements` numbers each, `window` under way at a time, until `operations` or `durationMs` are
   * reached.
   */
  async measureCoordination(options: CoordinationRequest): Promise<CoordinationMeasurement> {
    return measureCoordination(this.#measure, options, this.#operationLimitMs)
  }

  /** Times operations of `elements` numbers that begin at `arrivalsUs`, whether or not earlier ones are done. */
  async measureOpenLoop(options: OpenLoopRequest): Promise<OpenLoopMeasurement> {
    return measureOpenLoop(this.#measure, options, this.#operationLimitMs)
  }

  readonly #measure: Measure = async (fields, limitMs) => (await this.#ask('measure', fields, limitMs)).data

  /** A request beside the queue, for measurements: nothing is sent ahead of its answer. */
  async #ask(type: string, fields: Readonly<Record<string, unknown>>, limitMs: number): Promise<Reply> {
    this.#aheadUs += AHEAD_US
    try {
      return await this.#process.request(type, fields, limitMs)
    } catch (error) {
      throw error instanceof ProcessEnded ? error.failure : error
    } finally {
      this.#aheadUs -= AHEAD_US
      this.#dispatcher.pump()
    }
  }

  #check(operation: Operation): void {
    if (BEYOND.has(operation.type)) throw beyond(operation.type)
    const isProducts = operation.type === 'matrix_multiply' || isBenchmarkOf(operation, 'matrix_multiply')
    if (isProducts && !this.about.numpy) {
      throw new NpuBridgeError(
        'UNSUPPORTED_OPERATION',
        `matrix_multiply on the legacy engine needs numpy, which ${this.about.executable} does not have`,
        {suggestions: installHints('numpy', this.about.executable, this.#launch)},
      )
    }

    if (isBenchmarkOf(operation, 'inference')) throw beyond('benchmark of inference')
  }

  #hasRoom(type: OperationType): boolean {
    if (!this.#process.alive) return false
    if (this.#process.pending === 0) return true
    return this.#process.pending < AHEAD_AT_MOST && this.#aheadUs + this.#expected(type) <= AHEAD_US
  }

  #expected(type: string): number {
    return this.#expectedUs.get(type) ?? AHEAD_US
  }

  async #run(operation: Operation, attempt: number): Promise<Answer> {
    const expected = this.#expected(operation.type)
    this.#aheadUs += expected
    try {
      const reply = await this.#process.request(operation.type, encode(operation), this.#limitMs(operation))
      this.#crashes = 0
      this.#expectedUs.set(operation.type, expected + NEWEST * (reply.computeUs - expected))
      return await this.#answer(operation, reply)
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw asNpuBridgeError(error)
      if (error.begun && (attempt > 0 || error.hung || !REPEATABLE.has(operation.type))) throw error.failure
      throw new TryAgain(error.begun)
    } finally {
      this.#aheadUs -= expected
    }
  }

  #limitMs(operation: Operation): number {
    if (operation.type === 'benchmark') return this.#operationLimitMs + operation.durationMs
    if (operation.type === 'workflow') return this.#workflowLimitMs(operation.tasks.length)
    return this.#operationLimitMs
  }

  #workflowLimitMs(tasks: number): number {
    return this.#operationLimitMs + (this.#launch.sleep ? tasks * SLEEP_PER_TASK_MS : 0)
  }

  async #answer(operation: Operation, {computeUs, data}: Reply): Promise<Answer> {
    switch (operation.type) {
      case 'echo': {
        return {computeUs, data: isNumbers(operation.data) ? arrayLike(operation.data, data as number[]) : data}
      }

      case 'matrix_multiply': {
        return {computeUs, outputs: {product: decodeMatrix(data as EncodedMatrix)}}
      }

      case 'benchmark': {
        const {latencies_us: latencies} = data as {latencies_us: number[]}
        return {computeUs, data: benchmarkResult(operation.kind, latencies)}
      }

      case 'health_check': {
        return {
          computeUs,
          data: {...(await this.health()), legacy: {...this.about, ...(data as Record<string, unknown>)}},
        }
      }

      case 'statistics': {
        return {computeUs, data: {...this.metrics(), legacy: data}}
      }

      default: {
        return {computeUs, data}
      }
    }
  }

  #watch(process: LegacyProcess): void {
    void process.ended.then((failure) => {
      if (this.#state === 'running') this.#restarting = this.#restart(failure)
    })
  }

  /** Starts the process again after a pause that grows; gives up when it has ended too often without an answer. */
  async #restart(failure: NpuBridgeError): Promise<void> {
    this.#state = 'restarting'
    let last = failure
    while (this.#crashes < this.#restarts) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#crashes++)
      await setTimeout(pauseMs, undefined, {signal: this.#closing.signal}).catch((error: unknown) => error)
      if (this.#closing.signal.aborted) return
      try {
        this.#resume(await startLegacyProcess(this.#launch))
        return
      } catch (error) {
        last = asNpuBridgeError(error)
      }
    }

    this.#giveUp(last)
  }

  #resume(process: LegacyProcess): void {
    this.#process = process
    if (this.#closing.signal.aborted) return
    this.#state = 'running'
    this.#watch(process)
    this.#dispatcher.pump()
  }

  #giveUp(last: NpuBridgeError): void {
    this.#state = 'failed'
    const message = `the legacy engine gave up after ${this.#restarts} restarts without an answer: ${last.message}`
    this.#dispatcher.refuse(new NpuBridgeError('LEGACY_FAILED', message, {cause: last, suggestions: last.suggestions}))
  }
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT where there is no such file; nothing of it is run */
export async function requireLegacyModule(file: string): Promise<void> {
  const stats = await stat(file).catch(() => undefined)
  if (stats?.isFile()) return
  const problem = stats ? 'no file' : 'there is nothing there'
  throw new NpuBridgeError('INVALID_ARGUMENT', `the legacy module is ${file}: ${problem}`, {
    suggestions: ['Name the npu_coordination_bridge.py, or leave it out to run the reference module.'],
  })
}

function beyond(what: string): NpuBridgeError {
  return new NpuBridgeError(
    'UNSUPPORTED_OPERATION',
    `the legacy engine has no ${what}: the old module runs no models`,
    {
      suggestions: ['Run it on OpenVINO: npubridge setup, then --engine native.'],
    },
  )
}

function isBenchmarkOf(operation: Operation, kind: string): boolean {
  return operation.type === 'benchmark' && operation.kind === kind
}
