import type {
  BatchElement,
  EngineKind,
  Fallback,
  MetricsSnapshot,
  Operation,
  OperationResult,
  OutputTensor,
  SubmitOptions,
} from './engine.ts'

/**
 * What the engines in TypeScript share: an operation is checked, waits, is run when the executor has room for it, and
 * is answered exactly once, whatever happens to it. Times are measured and counted here.
 */
import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {EngineMetrics} from './metrics.ts'
import {cancelled, OperationQueue, type Ticket} from './queue.ts'
import {checkOperation, checkSubmitOptions} from './validate.ts'

/** How many operations may wait when nobody says otherwise. */
export const DEFAULT_CAPACITY = 16_384

const US_PER_MS = 1000

/** What an executor gives back for one operation. */
export interface Answer {
  readonly outputs?: Readonly<Record<string, OutputTensor>>
  readonly data?: unknown
  readonly device?: string
  /** When this operation ran elsewhere than the engine's first choice. */
  readonly fallback?: Fallback | null | undefined
  /** Time of the work itself, in microseconds. */
  readonly computeUs: number
}

/** What really runs operations. */
export interface Executor {
  /** Whether there is room for `operation` beside what is running. */
  hasRoom(operation: Operation): boolean
  /**
   * Runs one operation; rejects with {@link TryAgain} when it must wait again.
   *
   * @param operation what to run
   * @param attempt how often it has begun before
   */
  run(operation: Operation, attempt: number): Promise<Answer>
  /** Operations of one lane run one after the other. */
  laneOf?(operation: Operation): string | undefined
  /** @throws {NpuBridgeError} what this engine cannot do, so that it need not wait for the refusal */
  check?(operation: Operation): void
}

/** Says that an operation is to wait for its turn again, at its old place: what ran it is gone. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain'
  /** Whether it had begun. */
  readonly begun: boolean

  constructor(begun: boolean) {
    super('try again')
    this.begun = begun
  }
}

interface Job {
  readonly operation: Operation
  readonly resolve: (result: OperationResult) => void
  readonly reject: (error: NpuBridgeError) => void
  readonly signal: AbortSignal | undefined
  attempts: number
  answered: boolean
}

export interface DispatcherOptions {
  readonly engine: EngineKind
  readonly executor: Executor
  /** Written into every result. */
  readonly fallback?: Fallback | null | undefined
  /**
   * How many operations may wait.
   *
   * @default 16384
   */
  readonly capacity?: number | undefined
}

export class Dispatcher {
  readonly #engine: EngineKind
  readonly #executor: Executor
  readonly #fallback: Fallback | null
  readonly #queue: OperationQueue<Job>
  readonly #metrics: EngineMetrics
  readonly #running = new Set<Job>()
  /** Operations that have not been answered. */
  #open = 0
  /** What is said to those who come too late. */
  #refusal: NpuBridgeError | undefined
  /** Why nothing can be run any more. */
  #dead: NpuBridgeError | undefined
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: DispatcherOptions) {
    this.#engine = options.engine
    this.#executor = options.executor
    this.#fallback = options.fallback ?? null
    this.#metrics = new EngineMetrics(options.engine)
    this.#queue = new OperationQueue({capacity: options.capacity ?? DEFAULT_CAPACITY})
  }

  get queueDepth(): number {
    return this.#queue.depth
  }

  get running(): number {
    return this.#running.size
  }

  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot(this.queueDepth, this.running)
  }

  async submit(operation: Operation, options: SubmitOptions = {}): Promise<OperationResult> {
    const {promise, resolve, reject} = Promise.withResolvers<OperationResult>()
    const job: Job = {operation, resolve, reject, signal: options.signal, attempts: 0, answered: false}
    this.#metrics.submitted()
    this.#open++
    try {
      this.#admit(job, options)
    } catch (error) {
      this.#fail(job, asNpuBridgeError(error))
    }

    return promise
  }

  async submitBatch(operations: readonly Operation[], options: SubmitOptions = {}): Promise<BatchElement[]> {
    return Promise.all(
      operations.map(async (operation) =>
        this.submit(operation, options)
          .then((result) => ({...result, ok: true as const}))
          .catch((error: unknown) => ({error: asNpuBridgeError(error), ok: false as const})),
      ),
    )
  }

  /** Starts what waits and has room; called by the executor when it has room again. */
  pump(): void {
    for (;;) {
      const ticket = this.#queue.take((job) => this.#executor.hasRoom(job.operation))
      if (!ticket) return
      void this.#run(ticket)
    }
  }

  /** Answers everything that waits with `error`, and whatever is submitted from now on. */
  refuse(error: NpuBridgeError): void {
    this.#refusal = error
    this.#dead = error
    this.#queue.clear(error)
  }

  /** Accepts nothing more, waits up to `drainMs` for what is there, then answers the rest with CANCELLED. */
  async drain(drainMs: number): Promise<void> {
    this.#refusal ??= new NpuBridgeError('CANCELLED', 'the engine is shut down')
    if (this.#open > 0 && drainMs > 0) {
      this.#idle ??= Promise.withResolvers<void>()
      const timer = setTimeout(this.#idle.resolve, drainMs)
      await this.#idle.promise
      clearTimeout(timer)
    }

    const rest = new NpuBridgeError('CANCELLED', 'the engine was shut down before the operation was done')
    this.#queue.clear(rest)
    for (const job of this.#running) this.#fail(job, rest)
  }

  #admit(job: Job, options: SubmitOptions): void {
    if (this.#refusal) throw this.#refusal
    checkSubmitOptions(options)
    checkOperation(job.operation)
    this.#executor.check?.(job.operation)
    const lane = this.#executor.laneOf?.(job.operation)
    this.#queue.add(job, {...options, lane}, (error) => {
      this.#fail(job, error)
      // It may have been all that stood before something that has room.
      queueMicrotask(() => {
        this.pump()
      })
    })
    this.pump()
  }

  async #run(ticket: Ticket<Job>): Promise<void> {
    const job = ticket.work
    const startedAt = performance.now()
    const onAbort = () => {
      this.#fail(job, cancelled(job.signal))
    }

    job.signal?.addEventListener('abort', onAbort, {once: true})
    this.#running.add(job)
    try {
      const answer = await this.#executor.run(job.operation, job.attempts)
      this.#complete(ticket, answer, startedAt)
    } catch (error) {
      if (!(error instanceof TryAgain)) this.#fail(job, asNpuBridgeError(error))
      else if (error.begun) job.attempts++
    }

    job.signal?.removeEventListener('abort', onAbort)
    this.#running.delete(job)
    if (!job.answered && this.#dead) this.#fail(job, this.#dead)
    if (job.answered) this.#queue.finish(ticket)
    else this.#queue.putBack(ticket)
    this.pump()
  }

  #complete({work: job, arrivedAt}: Ticket<Job>, answer: Answer, startedAt: number): void {
    if (!this.#close(job)) return
    const {computeUs, device, fallback, ...payload} = answer
    const result: OperationResult = {
      type: job.operation.type,
      ...payload,
      device: device ?? null,
      engine: this.#engine,
      fallback: fallback ?? this.#fallback,
      queueUs: (startedAt - arrivedAt) * US_PER_MS,
      computeUs,
      totalUs: (performance.now() - arrivedAt) * US_PER_MS,
    }
    this.#metrics.completed(result)
    job.resolve(result)
  }

  #fail(job: Job, error: NpuBridgeError): void {
    if (!this.#close(job)) return
    this.#metrics.failed(error.code)
    job.reject(error)
  }

  /** Whether `job` is still to be answered, which is up to the caller then. */
  #close(job: Job): boolean {
    if (job.answered) return false
    job.answered = true
    this.#open--
    if (this.#open === 0) this.#idle?.resolve()
    return true
  }
}
