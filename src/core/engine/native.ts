import type {
  BatchElement,
  DeviceHealth,
  Engine,
  Fallback,
  Health,
  MetricsSnapshot,
  Operation,
  OperationResult,
  OperationType,
  PerformanceMode,
  SubmitOptions,
} from './engine.ts'

import {NpuBridgeError} from '../errors.ts'
import {fromNative, loadBinding, type NativeBinding, type NativeEngineHandle} from './binding.ts'
import {type Answer, Answers} from './native/answers.ts'
import {Backlog, levelOf} from './native/backlog.ts'
import {onAbort} from './native/cancellations.ts'
import {inSnakeCase} from './native/settings.ts'
import {Submissions} from './native/submissions.ts'

/** What a model is compiled with, where that is not what the profile chooses. */
export interface Tuning {
  readonly hint?: 'latency' | 'throughput' | undefined
  /** Inferences on the device at once. */
  readonly requests?: number | undefined
  readonly streams?: number | undefined
  readonly turbo?: boolean | undefined
  readonly workload?: 'default' | 'efficient' | undefined
  readonly tiles?: number | undefined
  readonly precision?: 'BF16' | 'FP16' | 'FP32' | 'INT8' | undefined
}

export interface NativeEngineOptions {
  /** The folder of OpenVINO; found by the engine itself when absent. */
  readonly runtimeFolder?: string
  /** OpenVINO devices in order of preference. */
  readonly devices: readonly string[]
  /** Devices that would have been preferred, and why they cannot be used: told as the fallback of every result. */
  readonly rejected?: ReadonlyArray<{readonly candidate: string; readonly reason: string}>
  readonly modelsFolder: string
  readonly cacheFolder?: string
  /** @default 'latency' */
  readonly profile?: 'efficiency' | 'latency' | 'throughput'
  readonly tuning?: Tuning | undefined
  readonly workerThreads?: number
  readonly queue?: {
    /** How many operations may wait. @default 1048576 */
    readonly capacity?: number
    /** From low to realtime; null: only the total counts. */
    readonly perPriority?: ReadonlyArray<number | null>
    /** `reject` answers QUEUE_FULL; `wait` holds operations back until there is room. @default 'reject' */
    readonly policy?: 'reject' | 'wait'
  }
  readonly batching?: {
    /** The most operations in one inference. @default 32 */
    readonly max?: number
    /** How long the first may wait for others, in microseconds. @default 0 */
    readonly delayUs?: number
    /** Whether fewer are run together when that proves faster. @default true */
    readonly adaptive?: boolean
    /** Sizes to run; the largest that enough operations wait for runs at once. */
    readonly preferred?: readonly number[]
  }
  /** After how long a waiting operation is overdue. @default 1000 */
  readonly agingMs?: number
  /** Every n-th pick goes to the longest overdue operation. @default 8 */
  readonly agingEvery?: number
  /** How often an operation is tried again after a failure of its device, before it is tried on another one. @default 3 */
  readonly retries?: number
  readonly hangAfterMs?: number
  readonly streamIdleMs?: number
  readonly breaker?: {readonly failures?: number; readonly pauseMs?: number; readonly longestPauseMs?: number}
  /** Limits of what models and inferences take. A MB has 2^20 bytes. */
  readonly resources?: {
    /** Memory of all models. @default half of the machine's, or of its control group's */
    readonly memoryMb?: number
    /** The part of it that models on an NPU may take. @default what the device tells */
    readonly npuMemoryMb?: number
    /** Inferences on an NPU at once. @default as many as the device wants */
    readonly npuSlots?: number
    /** Cores for inferences on the CPU, and for threads of the engine. @default all that this process may use */
    readonly cpuCores?: number
    /** Whether idle models are unloaded to make room, least recently used first. @default true */
    readonly evictIdle?: boolean
  }
  /** What holds for NPUs only. */
  readonly npu?: {
    readonly maxBatchSize?: number
    readonly precision?: 'BF16' | 'FP16' | 'FP32' | 'INT8'
    /** Whether models compiled for an NPU are kept on disk. @default true */
    readonly caching?: boolean
  }
  /** What happens when an NPU gets hot or takes too much power. */
  readonly power?: {
    /** @default true */
    readonly adapt?: boolean
    readonly budgetWatts?: number
    /** Where /sys is found. @default '/' */
    readonly sysfsRoot?: string
  }
  /** Where MATLAB is, for signals with `backend: 'matlab'`. */
  readonly matlabConfig?: {
    /** @default MATLAB_ROOT, the usual places, `matlab` on PATH */
    readonly matlabRoot?: string
    /** Whether signals may be worked out by MATLAB. @default true */
    readonly enableSignalProcessing?: boolean
    /** Threads that MATLAB computes with. @default as many as MATLAB chooses */
    readonly maxWorkers?: number
  }
  /** Settings of single models, by the name or path that operations use. */
  readonly models?: Readonly<
    Record<
      string,
      {
        readonly profile?: 'efficiency' | 'latency' | 'throughput'
        readonly tuning?: Tuning | undefined
        readonly batching?: NativeEngineOptions['batching']
        readonly shapes?: Readonly<Record<string, readonly number[]>>
      }
    >
  >
  /** The folder of agent files, for operations that name none. */
  readonly agents?: string
  /** Whether histograms are kept. @default true */
  readonly metrics?: boolean
}

/** Starts the engine in Rust. @throws NpuBridgeError when the add-on or the runtime cannot be loaded. */
export async function createNativeEngine(
  options: NativeEngineOptions,
  binding: NativeBinding = loadBinding(),
): Promise<Engine> {
  return new NativeEngine(options, binding)
}

/** Who waits for an answer: a promise of its own, or a place in a batch. */
interface Waiter {
  readonly type: OperationType
  readonly settle: (result: BatchElement, index: number) => void
  readonly index: number
  /** The number of its priority, where operations are held back. */
  level: number
  unlisten: (() => void) | undefined
}

/** An operation that is held back because the queue is full. */
interface HeldBack {
  readonly operation: Operation
  readonly waiter: Waiter
}

/** An operation that a signal may cancel. */
interface Signalled {
  /** Where the words of its submission begin. */
  readonly start: number
  readonly signal: AbortSignal
  readonly token: number
  readonly waiter: Waiter
  /** Its ticket, once it has been submitted. */
  low: number
  high: number
}

/** How many operations are handed over without waiting for the end of the event loop's turn. */
const WORTH_SUBMITTING = 8

class NativeEngine implements Engine {
  readonly kind = 'native' as const
  readonly #handle: NativeEngineHandle
  readonly #submissions: Submissions
  readonly #answers: Answers
  readonly #rejected: NonNullable<NativeEngineOptions['rejected']>
  /** Present where operations wait for room instead of being refused. */
  readonly #backlog: Backlog<HeldBack> | undefined
  readonly #waiters: Array<undefined | Waiter> = []
  readonly #freeTokens: number[] = []
  /** Keeps the event loop alive while answers are due: the engine's own callback does not. */
  readonly #keepAlive = setInterval(() => {}, 2 ** 30)
  /** Operations with a signal that have not been looked after since they were written. */
  readonly #signalled: Signalled[] = []
  /** How many of these have been submitted, and have their ticket. */
  #ticketed = 0
  #outstanding = 0
  #flushDue = false
  #turnEnds = false
  #answersDue = false
  #isUrgent = false
  #closed = false

  constructor(options: NativeEngineOptions, binding: NativeBinding) {
    this.#rejected = options.rejected ?? []
    const {capacity = 1 << 20, perPriority = [], policy} = options.queue ?? {}
    this.#backlog = policy === 'wait' ? new Backlog({capacity, perPriority}) : undefined
    this.#keepAlive.unref()
    try {
      this.#handle = new binding.NativeEngine(JSON.stringify(toEngine(options)), () => {
        this.#onAnswers()
      })
    } catch (error) {
      throw fromNative(error)
    }

    this.#submissions = new Submissions((name) => this.#handle.intern(name))
    this.#answers = new Answers(this.#handle)
  }

  async submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult> {
    const element = await new Promise<BatchElement>((settle) => {
      this.#submit(operation, options, waiterOf(operation, settle, 0))
      if (this.#submissions.isFull) this.#flush()
      else this.#flushSoon(options?.priority === 'realtime')
    })
    if (element.ok) return element
    throw element.error
  }

  async submitBatch(operations: readonly Operation[], options?: SubmitOptions): Promise<BatchElement[]> {
    if (operations.length === 0) return []
    return new Promise((resolve) => {
      const results: BatchElement[] = Array.from({length: operations.length})
      let left = operations.length
      const settle = (element: BatchElement, index: number) => {
        results[index] = element
        if (--left === 0) resolve(results)
      }

      for (const [index, operation] of operations.entries()) {
        this.#submit(operation, options, waiterOf(operation, settle, index))
        if (this.#submissions.isFull) this.#flush()
      }

      this.#flush()
    })
  }

  async health(): Promise<Health> {
    return this.#toHealth(JSON.parse(this.#handle.health()) as NativeHealth)
  }

  metrics(): MetricsSnapshot {
    return {engine: this.kind, ...(JSON.parse(this.#handle.metrics()) as Omit<MetricsSnapshot, 'engine'>)}
  }

  metricsText(): string {
    return this.#handle.metricsText()
  }

  async shutdown({drainMs = 0}: {drainMs?: number} = {}): Promise<void> {
    this.#flush()
    this.#closed = true
    this.#backlog?.clear(shutDown())
    await this.#handle.shutdown(drainMs)
    // The announcement of the last answers may still be on its way through the event loop.
    this.#onAnswers()
    clearInterval(this.#keepAlive)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  #submit(operation: Operation, options: SubmitOptions | undefined, waiter: Waiter): void {
    if (this.#closed) {
      refuse(waiter, shutDown())
      return
    }

    if (options?.signal?.aborted) {
      refuse(waiter, cancelled(options.signal))
      return
    }

    if (this.#backlog) {
      waiter.level = levelOf(options)
      if (!this.#backlog.hasRoom(waiter.level)) {
        const refused = (error: NpuBridgeError) => {
          refuse(waiter, error)
        }

        this.#backlog.hold({item: {operation, waiter}, options, refuse: refused}, waiter.level)
        return
      }
    }

    const token = this.#freeTokens.pop() ?? this.#waiters.length
    try {
      const start = this.#submissions.write(operation, options, token)
      if (options?.signal) this.#signalled.push({start, signal: options.signal, token, waiter, low: 0, high: 0})
    } catch (error) {
      this.#freeTokens.push(token)
      if (token === this.#waiters.length) this.#waiters.push(undefined)
      refuse(waiter, fromNative(error))
      return
    }

    this.#waiters[token] = waiter
    this.#backlog?.entered(waiter.level)
    if (this.#outstanding++ === 0) this.#keepAlive.ref()
  }

  /**
   * Submits together what comes together: each time that the engine is handed something costs as much as some ten
   * operations do. Promises that go on at once are gathered by a microtask, requests of some sockets by the event loop's
   * turn; what is urgent, or already enough to be worth it, does not wait for the end of the turn.
   */
  #flushSoon(isUrgent: boolean): void {
    this.#isUrgent ||= isUrgent
    if (this.#flushDue) return
    this.#flushDue = true
    queueMicrotask(() => {
      this.#flushDue = false
      const {count} = this.#submissions
      if (this.#isUrgent || count >= WORTH_SUBMITTING) this.#flush()
      else if (!this.#turnEnds) {
        this.#turnEnds = true
        setImmediate(() => {
          this.#turnEnds = false
          this.#endTurn()
        })
      }
    })
  }

  #flush(): void {
    if (this.#flushWritten()) this.#takeAnswersSoon()
    else this.#listen()
  }

  /** In a turn of their own: whoever waits for one answer after the other must not keep the event loop from all else. */
  #takeAnswersSoon(): void {
    if (this.#answersDue) return
    this.#answersDue = true
    setImmediate(() => {
      this.#answersDue = false
      this.#onAnswers()
    })
  }

  /** What is answered at once needs no turn of its own. */
  #endTurn(): void {
    if (this.#flushWritten()) this.#onAnswers()
    else this.#listen()
  }

  /** Gives whether there are answers at once. */
  #flushWritten(): boolean {
    this.#isUrgent = false
    const submissions = this.#submissions
    if (submissions.count === 0) return false
    const isAnswered = this.#handle.submit(submissions.words, submissions.length, submissions.bytes, submissions.large)
    this.#readTickets()
    submissions.clear()
    return isAnswered
  }

  #readTickets(): void {
    const {words} = this.#submissions
    for (; this.#ticketed < this.#signalled.length; this.#ticketed++) {
      const signalled = this.#signalled[this.#ticketed]!
      signalled.low = words[signalled.start + 2]! >>> 0
      signalled.high = words[signalled.start + 3]! >>> 0
    }
  }

  /** Lets signals cancel their operations: those that are not answered yet. */
  #listen(): void {
    for (let index = 0; index < this.#ticketed; index++) {
      const {high, low, signal, token, waiter} = this.#signalled[index]!
      if (this.#waiters[token] !== waiter) continue
      const cancel = () => {
        this.#handle.cancel(low, high)
      }

      if (signal.aborted) cancel()
      else waiter.unlisten = onAbort(signal, cancel)
    }

    this.#signalled.splice(0, this.#ticketed)
    this.#ticketed = 0
  }

  #onAnswers(): void {
    this.#drain()
    this.#listen()
    this.#admit()
  }

  #drain(): void {
    this.#answers.drain((answer) => {
      this.#settle(answer)
    })
    if (this.#outstanding === 0) this.#keepAlive.unref()
  }

  #settle(answer: Answer): void {
    const waiter = this.#waiters[answer.token]
    if (waiter === undefined) return
    this.#waiters[answer.token] = undefined
    this.#freeTokens.push(answer.token)
    this.#outstanding--
    this.#backlog?.left(waiter.level)
    waiter.unlisten?.()
    waiter.settle(answer.error ? {ok: false, error: answer.error} : this.#element(answer, waiter.type), waiter.index)
  }

  #element(answer: Answer, type: OperationType): BatchElement {
    const {device, fallback, queueUs, computeUs, totalUs, outputs, data} = answer
    const common = {ok: true as const, type, device, engine: 'native' as const, fallback, queueUs, computeUs, totalUs}
    if (outputs !== undefined) return data === undefined ? {...common, outputs} : {...common, outputs, data}
    if (data === undefined) return common
    if (type === 'health_check') return {...common, data: this.#toHealth(data as NativeHealth)}
    if (type === 'statistics') return {...common, data: {engine: this.kind, ...(data as object)}}
    return {...common, data}
  }

  /** Lets operations that were held back go on, in their order. */
  #admit(): void {
    this.#backlog?.release(({operation, waiter}, options) => {
      this.#submit(operation, options, waiter)
      if (this.#submissions.isFull) this.#flush()
    })
    if (this.#backlog) this.#flush()
  }

  #toHealth(health: NativeHealth): Health {
    const running = health.devices.find((device) => device.state === 'available') ?? health.devices[0]
    return {
      ...health,
      engine: this.kind,
      performanceMode: performanceMode(running?.name),
      fallback: this.#fallbackTo(running?.name ?? 'none'),
    }
  }

  #fallbackTo(device: string): Fallback | null {
    const [first] = this.#rejected
    if (first === undefined) return null
    const reason = this.#rejected.map(({candidate, reason}) => `${candidate}: ${reason}`).join('; ')
    return {from: first.candidate, to: device, reason}
  }
}

type NativeHealth = Omit<Health, 'devices' | 'engine' | 'fallback' | 'performanceMode'> & {
  readonly devices: readonly DeviceHealth[]
}

/** What a device of this name is called in statuses. */
export function performanceMode(device: string | undefined): PerformanceMode {
  if (device?.startsWith('NPU')) return 'npu'
  return device?.startsWith('GPU') ? 'gpu' : 'cpu'
}

/** The options as the engine reads them, in the names of the configuration schema. */
function toEngine(options: NativeEngineOptions): unknown {
  const {policy: _, ...queue} = options.queue ?? {}
  return inSnakeCase({...options, queue})
}

function waiterOf(operation: Operation, settle: Waiter['settle'], index: number): Waiter {
  return {type: operation?.type, settle, index, level: 0, unlisten: undefined}
}

function refuse(waiter: Waiter, error: NpuBridgeError): void {
  waiter.settle({ok: false, error}, waiter.index)
}

function shutDown(): NpuBridgeError {
  return new NpuBridgeError('CANCELLED', 'the engine is shut down')
}

function cancelled(signal: AbortSignal): NpuBridgeError {
  return new NpuBridgeError('CANCELLED', 'the operation was cancelled before it was submitted', {cause: signal.reason})
}
