/**
 * Runs the operations of a JSON Lines stream: reads, submits, and writes the results, each no faster than the slowest
 * of them. What is held at any time is bounded: operations in flight by number, everything between reading and writing
 * by number and by bytes.
 */
import type {Buffer} from 'node:buffer'
import type {Readable, Writable} from 'node:stream'

import type {Engine, Operation, OperationResult, OperationType} from '../engine/engine.ts'
import type {OperationId} from './envelope.ts'
import type {SavedTensor} from './result-json.ts'
import type {NonFinitePolicy} from './tensor.ts'

import {releaseOutputs} from '../engine/release.ts'
import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {chooseOutputs} from './choose-outputs.ts'
import {DEFAULT_CONCURRENCY} from './concurrency.ts'
import {type Line, LineSplitter, LONGEST_LINE} from './lines.ts'
import {type Reading, readRequest, type Request, type RequestDefaults, type RequestOptions} from './request.ts'
import {ResultOrder} from './result-order.ts'
import {ResultWriter} from './result-writer.ts'
import {submitRequest} from './submit-request.ts'
import {type RunProgress, type RunSummary, Tally} from './tally.ts'
import {TensorFiles} from './tensor-files.ts'
import {TensorStore} from './tensor-store.ts'

export interface RunOptions {
  readonly engine: Pick<Engine, 'submit'>
  readonly input: {
    readonly stream: Readable
    /** The folder that paths in lines are relative to. */
    readonly folder: string
    /** The size of a file in bytes; undefined for a stream that may never end. */
    readonly bytes: number | undefined
  }
  readonly output: Writable
  readonly defaults?: RequestDefaults
  /**
   * How many operations are in flight at most.
   * @default 64
   */
  readonly concurrency?: number
  /**
   * Results are written as they come instead of in the order of their lines.
   * @default false
   */
  readonly unordered?: boolean
  /**
   * Nothing is submitted after the first failure; what is in flight is waited for.
   * @default false
   */
  readonly failFast?: boolean
  /**
   * How much of lines and tensors is held between reading and writing, in bytes; a single line may go beyond it.
   * @default 256 MiB
   */
  readonly heldBytes?: number
  /** Output tensors become .npy files in this folder instead of JSON. */
  readonly outputFolder?: string | undefined
  /** @default 'error' */
  readonly nonFinite?: NonFinitePolicy
  /** Aborting stops reading and cancels what is in flight. */
  readonly signal?: AbortSignal
  /** Called at most ten times a second. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined
  /**
   * Monotonic milliseconds.
   * @default performance.now
   */
  readonly clock?: () => number
  /**
   * How long a cancelled operation is waited for, in milliseconds.
   * @default 2000
   */
  readonly graceMs?: number
}

/** Results that wait for an earlier one, beyond the operations in flight. */
const REORDER = 1024
const HELD_BYTES = 256 * 1024 * 1024
const PROGRESS_INTERVAL_MS = 100
const GRACE_MS = 2000
/** What changes what others find is run alone, after all lines before it and before all lines after it. */
const ALONE: ReadonlySet<OperationType> = new Set(['benchmark', 'initialize', 'load_model', 'unload_model'])

/**
 * @returns what happened, when all results are written; lines that fail are part of that.
 * @throws {NpuBridgeError} where input cannot be read or output cannot be written at all.
 */
export async function runLines(options: RunOptions): Promise<RunSummary> {
  const {outputFolder} = options
  return new LineRun(options, outputFolder === undefined ? undefined : await TensorStore.open(outputFolder)).run()
}

/** An operation that was submitted. */
interface Pending {
  readonly request: Request
  readonly line: number
  readonly bytes: number
}

/** A result that is ready to be written. */
interface Outcome {
  readonly id: OperationId
  readonly line: number
  /** How much of the budget it takes until it is written. */
  readonly bytes: number
  readonly kind: 'line' | 'operation'
  readonly result?: OperationResult
  readonly saved?: Record<string, SavedTensor> | undefined
  readonly error?: NpuBridgeError
}

class LineRun {
  readonly #options: RunOptions
  readonly #requestOptions: RequestOptions
  readonly #store: TensorStore | undefined
  readonly #clock: () => number
  readonly #concurrency: number
  readonly #mostHeldBytes: number
  readonly #order: ResultOrder<Outcome>
  readonly #writer: ResultWriter
  readonly #tally: Tally
  readonly #cancel = new AbortController()
  readonly #inFlight = new Map<number, Pending>()
  /** Lines whose result is not written yet. */
  #open = 0
  #heldBytes = 0
  #linesRead = 0
  #bytesRead = 0
  #stopped: RunSummary['stopped']
  #linesNotRun = 0
  #inputEnded = false
  #broken: NpuBridgeError | undefined
  #waiter: {readonly isReady: () => boolean; readonly resolve: () => void} | undefined
  #lastProgress = -Infinity
  #grace: NodeJS.Timeout | undefined

  constructor(options: RunOptions, store: TensorStore | undefined) {
    this.#options = options
    this.#store = store
    this.#clock = options.clock ?? (() => performance.now())
    this.#concurrency = options.concurrency ?? DEFAULT_CONCURRENCY
    this.#mostHeldBytes = options.heldBytes ?? HELD_BYTES
    this.#order = new ResultOrder(options.unordered ?? false)
    this.#tally = new Tally(this.#clock)
    const nonFinite = options.nonFinite ?? 'error'
    const {folder} = options.input
    this.#requestOptions = {
      files: new TensorFiles({folder}),
      folder,
      framed: true,
      nonFinite,
      ...(options.defaults && {defaults: options.defaults}),
    }
    this.#writer = new ResultWriter({
      nonFinite,
      onError: (error) => {
        this.#outputBroke(error)
      },
      onReady: () => {
        this.#release()
      },
      stream: options.output,
    })
  }

  async run(): Promise<RunSummary> {
    const {signal} = this.#options
    const onAbort = () => {
      this.#stop('interrupted')
    }

    signal?.addEventListener('abort', onAbort, {once: true})
    if (signal?.aborted) onAbort()
    try {
      await this.#readInput()
      await this.#until(() => this.#open === 0)
      await this.#writer.finish()
    } finally {
      signal?.removeEventListener('abort', onAbort)
      clearTimeout(this.#grace)
    }

    if (this.#broken) throw this.#broken
    return this.#tally.summary(this.#linesRead, this.#fraction(), {
      notRun: {complete: this.#inputEnded, count: this.#linesNotRun},
      stopped: this.#stopped,
    })
  }

  async #readInput(): Promise<void> {
    const splitter = new LineSplitter()
    try {
      for await (const chunk of this.#options.input.stream as AsyncIterable<Buffer>) {
        await this.#takeAll(splitter.push(chunk))
        if (this.#stopped && !this.#countsTheRest()) return
      }

      await this.#takeAll(splitter.end())
      this.#inputEnded = true
    } catch (error) {
      if (this.#stopped) return
      this.#broken = new NpuBridgeError('INTERNAL', `the input cannot be read: ${asNpuBridgeError(error).message}`, {
        cause: error,
      })
    }
  }

  /** After a failure, the lines that were not run are counted where their end is certain to come. */
  #countsTheRest(): boolean {
    return this.#stopped === 'failed' && this.#options.input.bytes !== undefined
  }

  async #takeAll(lines: readonly Line[]): Promise<void> {
    for (const line of lines) {
      // Awaiting costs a turn of the queue, so it is done only where there is something to wait for.
      if (!this.#hasRoom()) await this.#until(() => this.#hasRoom())
      const submitted = this.#take(line)
      if (submitted) await submitted
    }
  }

  #hasRoom(): boolean {
    if (this.#stopped) return true
    const fewInFlight = this.#inFlight.size < this.#concurrency
    return fewInFlight && this.#open < this.#concurrency + REORDER && this.#heldBytes < this.#mostHeldBytes
  }

  #take(line: Line): Promise<void> | undefined {
    if (this.#stopped) {
      this.#linesNotRun++
      return undefined
    }

    this.#linesRead++
    this.#bytesRead += line.bytes.length + 1
    const reading = this.#read(line)
    if (reading instanceof Promise) return reading.then(async (read) => this.#submit(line, read))
    return this.#submit(line, reading)
  }

  #read(line: Line): Promise<Reading> | Reading {
    if (!line.tooLong) return readRequest(line.bytes, line.number, this.#requestOptions)
    const error = new NpuBridgeError('PROTOCOL_ERROR', `longer than ${LONGEST_LINE / 2 ** 20} MiB`, {
      suggestions: ['keep large tensors in files: {"file": "x.npy"}'],
    })
    return {error, id: line.number}
  }

  #submit(line: Line, reading: Reading): Promise<void> | undefined {
    if ('error' in reading) {
      this.#open++
      this.#settle(this.#order.open(), {
        bytes: 0,
        error: reading.error,
        id: reading.id,
        kind: 'line',
        line: line.number,
      })
      return undefined
    }

    if (ALONE.has(reading.operation.type)) return this.#runAlone(line, reading)
    this.#start(line, reading)
    return undefined
  }

  async #runAlone(line: Line, request: Request): Promise<void> {
    const isAlone = () => this.#inFlight.size === 0
    await this.#until(isAlone)
    if (this.#stopped) {
      this.#linesRead--
      this.#linesNotRun++
      return
    }

    this.#start(line, request)
    await this.#until(isAlone)
  }

  #start(line: Line, request: Request): void {
    const {operation} = request
    const place = this.#order.open()
    const bytes = line.bytes.length + inputBytes(operation)
    this.#open++
    this.#heldBytes += bytes
    this.#inFlight.set(place, {bytes, line: line.number, request})
    this.#tally.submitted(operation)
    void this.#execute(place, request)
  }

  async #execute(place: number, request: Request): Promise<void> {
    const {id, outputs} = request
    let end: Pick<Outcome, 'error' | 'result' | 'saved'>
    try {
      const result = await submitRequest(this.#options.engine, request, this.#cancel.signal)
      const chosen = outputs ? chooseOutputs(result, outputs) : result
      const saved = chosen.outputs && (await this.#store?.save(id, chosen.outputs))
      end = {result: chosen, saved}
    } catch (error) {
      end = {error: asNpuBridgeError(error)}
    }

    this.#finish(place, end)
  }

  /** An operation has come to its end. One that was given up before is not heard any more. */
  #finish(place: number, end: Pick<Outcome, 'error' | 'result' | 'saved'>): void {
    const pending = this.#inFlight.get(place)
    if (!pending) return
    this.#inFlight.delete(place)
    const bytes = end.result ? outputBytes(end.result) : 0
    this.#heldBytes += bytes - pending.bytes
    this.#settle(place, {...end, bytes, id: pending.request.id, kind: 'operation', line: pending.line})
  }

  #settle(place: number, outcome: Outcome): void {
    if (outcome.error) this.#failed()
    this.#order.put(place, outcome)
    this.#release()
  }

  #failed(): void {
    if (this.#options.failFast) this.#stop('failed')
  }

  /** Writes what may be written now. */
  #release(): void {
    while (!this.#writer.blocked) {
      const outcome = this.#order.take()
      if (!outcome) break
      this.#open--
      this.#heldBytes -= outcome.bytes
      this.#write(outcome)
    }

    this.#wake()
  }

  #write(outcome: Outcome): void {
    const {error, id, result, saved} = outcome
    if (result) {
      try {
        this.#writer.success({id, result, saved})
        this.#tally.succeeded(result)
        releaseOutputs(result)
      } catch (writeError) {
        this.#writeFailure(outcome, asNpuBridgeError(writeError))
        this.#failed()
      }
    } else this.#writeFailure(outcome, error!)
    this.#reportProgress()
  }

  #writeFailure({id, kind, line}: Outcome, error: NpuBridgeError): void {
    if (error.code === 'CANCELLED' && this.#cancel.signal.aborted) this.#tally.cancelled++
    else this.#tally.failedWith(kind, line, error)
    this.#writer.failure({error: kind === 'line' ? withLine(error, line) : error, id, line})
  }

  #reportProgress(): void {
    const {onProgress} = this.#options
    if (!onProgress) return
    const now = this.#clock()
    if (now - this.#lastProgress < PROGRESS_INTERVAL_MS) return
    this.#lastProgress = now
    onProgress(this.#tally.progress(this.#linesRead, this.#fraction()))
  }

  #fraction(): number | undefined {
    const {bytes} = this.#options.input
    if (bytes === undefined) return undefined
    if (this.#linesRead === 0) return this.#inputEnded ? 1 : 0
    const read = this.#inputEnded ? 1 : Math.min(1, this.#bytesRead / bytes)
    return read * (1 - this.#open / this.#linesRead)
  }

  /** Submits nothing any more. A failure lets what is in flight end; all else cancels it. */
  #stop(reason: 'closed' | 'failed' | 'interrupted'): void {
    // A failure may be followed by something more urgent, but not the other way round.
    if (this.#cancel.signal.aborted || this.#stopped === reason) return
    this.#stopped = reason
    if (!this.#countsTheRest()) this.#options.input.stream.destroy()
    if (reason !== 'failed') {
      this.#cancel.abort(new NpuBridgeError('CANCELLED', reason === 'closed' ? 'the output was closed' : 'interrupted'))
      this.#grace = setTimeout(() => {
        this.#giveUp()
      }, this.#options.graceMs ?? GRACE_MS)
    }

    this.#wake()
  }

  #giveUp(): void {
    const error = new NpuBridgeError('CANCELLED', 'cancelled, and it did not stop in time')
    for (const place of this.#inFlight.keys()) this.#finish(place, {error})
  }

  #outputBroke(error: NodeJS.ErrnoException): void {
    // Whoever reads has seen enough, as `head` does: no reason to complain.
    if (error.code !== 'EPIPE') {
      this.#broken = new NpuBridgeError('RESOURCE_EXHAUSTED', `results cannot be written: ${error.message}`, {
        cause: error,
      })
    }

    this.#stop('closed')
    this.#release()
  }

  /** Only the reading loop waits, so there is one waiter at a time. */
  async #until(isReady: () => boolean): Promise<void> {
    if (isReady()) return
    await new Promise<void>((resolve) => {
      this.#waiter = {isReady, resolve}
    })
  }

  #wake(): void {
    if (!this.#waiter?.isReady()) return
    const {resolve} = this.#waiter
    this.#waiter = undefined
    resolve()
  }
}

function withLine(error: NpuBridgeError, line: number): NpuBridgeError {
  const {cause, code, message, suggestions} = error
  return new NpuBridgeError(code, `line ${line}: ${message}`, {cause, suggestions})
}

function inputBytes(operation: Operation): number {
  if (!('inputs' in operation)) return 0
  let bytes = 0
  for (const {data} of Object.values(operation.inputs)) bytes += data.byteLength
  return bytes
}

function outputBytes({outputs}: OperationResult): number {
  let bytes = 0
  for (const {data} of Object.values(outputs ?? {})) bytes += data.byteLength
  return bytes
}
