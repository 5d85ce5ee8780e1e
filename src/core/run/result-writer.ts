/**
 * Writes results to a stream in batches, and tells when the reader of that stream is behind. Nothing is queued here
 * beyond one batch: who gives results waits while `blocked` is true.
 */
import type {Writable} from 'node:stream'

import type {NonFinitePolicy} from './tensor.ts'

import {ByteWriter} from './byte-writer.ts'
import {appendFailure, appendSuccess, type Failure, type Success} from './result-json.ts'

/** Small enough to come out soon, large enough that a write costs little per result. */
const BATCH_BYTES = 64 * 1024

export interface ResultWriterOptions {
  readonly stream: Writable
  readonly nonFinite: NonFinitePolicy
  /** The stream takes data again. */
  readonly onReady: () => void
  /** The stream broke; nothing is written any more. */
  readonly onError: (error: NodeJS.ErrnoException) => void
}

export class ResultWriter {
  readonly #options: ResultWriterOptions
  readonly #batch = new ByteWriter(BATCH_BYTES)
  #flushing = false
  #broken = false
  #blocked = false

  constructor(options: ResultWriterOptions) {
    this.#options = options
    options.stream.on('error', this.#onError)
    options.stream.on('drain', this.#onDrain)
  }

  /** The reader is behind: give no results until `onReady` was called. */
  get blocked(): boolean {
    return this.#blocked
  }

  /**
   * @throws {NpuBridgeError} where JSON cannot say what the result holds; nothing is written then.
   */
  success(success: Success): void {
    appendSuccess(this.#batch, success, this.#options.nonFinite)
    this.#written()
  }

  failure(failure: Failure): void {
    appendFailure(this.#batch, failure)
    this.#written()
  }

  /** Writes what is left; resolves when the stream has taken it, or broke. Errors stay listened for: they may be late. */
  async finish(): Promise<void> {
    this.#flush()
    await new Promise<void>((resolve) => {
      if (this.#broken) resolve()
      else
        this.#options.stream.write('', () => {
          resolve()
        })
    })
    this.#options.stream.off('drain', this.#onDrain)
  }

  #written(): void {
    if (this.#batch.length >= BATCH_BYTES) this.#flush()
    else if (!this.#flushing) {
      // What completes together goes out together, and nothing waits for a batch to fill.
      this.#flushing = true
      setImmediate(() => {
        this.#flushing = false
        this.#flush()
      })
    }
  }

  #flush(): void {
    if (this.#batch.length === 0) return
    const bytes = this.#batch.take(BATCH_BYTES)
    if (!this.#broken && !this.#options.stream.write(bytes)) this.#blocked = true
  }

  readonly #onDrain = (): void => {
    this.#blocked = false
    this.#options.onReady()
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (this.#broken) return
    this.#broken = true
    this.#blocked = false
    this.#options.onError(error)
  }
}
