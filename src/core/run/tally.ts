/** What a run counts while it goes on. Everything here is of bounded size, however many lines there are. */
import {createHistogram, type RecordableHistogram} from 'node:perf_hooks'

import type {Fallback, Operation, OperationResult} from '../engine/engine.ts'
import type {ErrorCode, NpuBridgeError} from '../errors.ts'

/** Lines that failed with the same code. */
export interface FailureGroup {
  /** `line`: it could not be submitted; `operation`: it was, and failed. */
  readonly kind: 'line' | 'operation'
  readonly code: ErrorCode
  readonly count: number
  /** The numbers of the first of them. */
  readonly lines: readonly number[]
  /** The message of the first. */
  readonly message: string
  readonly suggestions: readonly string[]
}

/** A moment of a run, for a progress line. */
export interface RunProgress {
  /** Models, or types of operations that have none; the first few. */
  readonly subjects: readonly string[]
  /** Devices, or engines where no device is involved. */
  readonly devices: readonly string[]
  /** Lines whose result is written, be it an error. */
  readonly done: number
  /** Lines read so far. */
  readonly read: number
  /** How much of the input is done, 0 to 1; undefined where its size is unknown. */
  readonly fraction: number | undefined
  /** Operations per second since the first was submitted. */
  readonly perSecond: number
  /** Latencies from submission to completion, in microseconds; undefined before the first success. */
  readonly p50Us: number | undefined
  readonly p99Us: number | undefined
  /** Operations that were submitted and failed. */
  readonly failed: number
  /** Lines that could not be submitted. */
  readonly skipped: number
}

export interface RunSummary extends RunProgress {
  readonly succeeded: number
  readonly failures: readonly FailureGroup[]
  /** Each distinct fallback that happened, the first few. */
  readonly fallbacks: readonly Fallback[]
  /** Why the run ended before its input did. */
  readonly stopped: 'closed' | 'failed' | 'interrupted' | undefined
  /** Operations in flight that were cancelled. */
  readonly cancelled: number
  /** Lines after the stop that were not run; `complete` is false where there may be more than were counted. */
  readonly notRun: {readonly count: number; readonly complete: boolean}
}

const MOST_LINES_SHOWN = 3
const MOST_NAMES = 4
const MOST_FALLBACKS = 8
/** Latencies are kept to three significant digits. */
const FIGURES = 3

interface MutableGroup {
  readonly kind: FailureGroup['kind']
  readonly code: ErrorCode
  count: number
  readonly lines: number[]
  readonly message: string
  readonly suggestions: readonly string[]
}

export class Tally {
  readonly #clock: () => number
  readonly #latencies: RecordableHistogram = createHistogram({figures: FIGURES})
  readonly #groups = new Map<string, MutableGroup>()
  readonly #fallbacks = new Map<string, Fallback>()
  readonly #subjects = new Set<string>()
  readonly #devices = new Set<string>()
  #started: number | undefined
  #ended = 0
  #succeeded = 0
  #operationsFailed = 0
  #linesSkipped = 0
  cancelled = 0

  /** `clock` gives monotonic milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock
  }

  submitted(operation: Operation): void {
    this.#started ??= this.#clock()
    if (this.#subjects.size < MOST_NAMES) this.#subjects.add(subjectOf(operation))
  }

  succeeded({device, engine, fallback, totalUs}: OperationResult): void {
    this.#succeeded++
    this.#ended = this.#clock()
    this.#latencies.record(Math.max(1, Math.round(totalUs)))
    if (this.#devices.size < MOST_NAMES) this.#devices.add(device ?? engine)
    if (fallback && this.#fallbacks.size < MOST_FALLBACKS) {
      this.#fallbacks.set(`${fallback.from}\0${fallback.to}\0${fallback.reason}`, fallback)
    }
  }

  failedWith(kind: FailureGroup['kind'], line: number, error: NpuBridgeError): void {
    this.#ended = this.#clock()
    if (kind === 'line') this.#linesSkipped++
    else this.#operationsFailed++
    const {code, message, suggestions} = error
    const key = `${kind} ${code}`
    const group = this.#groups.get(key) ?? {code, count: 0, kind, lines: [], message, suggestions}
    group.count++
    if (group.lines.length < MOST_LINES_SHOWN) group.lines.push(line)
    this.#groups.set(key, group)
  }

  progress(read: number, fraction: number | undefined): RunProgress {
    const seconds = this.#started === undefined ? 0 : (this.#ended - this.#started) / 1000
    const ran = this.#succeeded + this.#operationsFailed
    return {
      devices: [...this.#devices],
      done: ran + this.#linesSkipped + this.cancelled,
      failed: this.#operationsFailed,
      fraction,
      p50Us: this.#percentile(50),
      p99Us: this.#percentile(99),
      perSecond: seconds > 0 ? ran / seconds : 0,
      read,
      skipped: this.#linesSkipped,
      subjects: [...this.#subjects],
    }
  }

  summary(read: number, fraction: number | undefined, end: Pick<RunSummary, 'notRun' | 'stopped'>): RunSummary {
    return {
      ...this.progress(read, fraction),
      ...end,
      cancelled: this.cancelled,
      failures: [...this.#groups.values()],
      fallbacks: [...this.#fallbacks.values()],
      succeeded: this.#succeeded,
    }
  }

  #percentile(rank: number): number | undefined {
    return this.#succeeded === 0 ? undefined : this.#latencies.percentile(rank)
  }
}

/** A model without its folder, or the type of what has no model. */
function subjectOf(operation: Operation): string {
  if (!('model' in operation) || operation.model === undefined) return operation.type
  return operation.model.slice(Math.max(operation.model.lastIndexOf('/'), operation.model.lastIndexOf('\\')) + 1)
}
