/** What goes through a server, as it happens: counts, latencies, errors, fallbacks and workflows, in bounded memory. */
import type {Fallback, OperationResult, WorkflowOperation, WorkflowReport} from '../../engine/engine.ts'
import type {NpuBridgeError} from '../../errors.ts'

import {LatencyHistogram} from '../../dashboard/histogram.ts'
import {shorten} from '../../dashboard/reading.ts'

const MOST_ERRORS = 50
const MOST_FALLBACKS = 50
const MOST_WORKFLOWS = 8
const MOST_TASKS = 200
const LONGEST_MESSAGE = 1000
const LONGEST_NAME = 120
const LONGEST_WHERE = 100

export interface RecordedError {
  readonly number: number
  readonly code: string
  readonly message: string
  readonly where: string
  count: number
  at: number
  revision: number
}

export interface RecordedFallback extends Fallback {
  count: number
  at: number
}

export interface RecordedWorkflow {
  readonly number: number
  readonly startedAt: number
  readonly total: number
  readonly tasks: ReadonlyArray<{readonly id: string; readonly agent: string | null; readonly dependencies: string[]}>
  endedAt: number | null
  /** Of each task; empty while it runs. */
  status: readonly string[]
  assigned: readonly string[]
  error: string | null
  revision: number
}

/** What was counted since it was last taken. */
export interface Counts {
  readonly completed: number
  readonly failed: number
  readonly fellBack: number
  readonly latency: LatencyHistogram
}

export type EndWorkflow = (report: null | Partial<WorkflowReport>, error: NpuBridgeError | null) => void

export class Activity {
  readonly errors: RecordedError[] = []
  readonly workflows: RecordedWorkflow[] = []
  /** Grows with every change of errors or workflows. */
  revision = 0
  readonly #clock: () => number
  readonly #fallbacks: RecordedFallback[] = []
  #lastFallback: RecordedFallback | undefined
  #latency = new LatencyHistogram()
  #completed = 0
  #failed = 0
  #fellBack = 0
  #numbers = 0

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  get fallbacks(): readonly RecordedFallback[] {
    return this.#fallbacks
  }

  completed({fallback, totalUs}: OperationResult): void {
    this.#completed++
    this.#latency.record(totalUs)
    if (fallback !== null) this.#fellBackTo(fallback)
  }

  failed(): void {
    this.#failed++
  }

  /** The counts since the last call; the histogram is the caller's until the next. */
  take(): Counts {
    const counts = {completed: this.#completed, failed: this.#failed, fellBack: this.#fellBack, latency: this.#latency}
    this.#latency = new LatencyHistogram()
    this.#completed = 0
    this.#failed = 0
    this.#fellBack = 0
    return counts
  }

  /** An error that a client was told. One that hung up itself is none. */
  told({code, message}: NpuBridgeError, where: string): void {
    if (code === 'CANCELLED') return
    const shown = shorten(message, LONGEST_MESSAGE)
    const place = shorten(where, LONGEST_WHERE)
    const revision = ++this.revision
    const same = this.errors.find((each) => each.code === code && each.message === shown && each.where === place)
    if (same) {
      same.count++
      same.at = this.#clock()
      same.revision = revision
      return
    }

    const number = ++this.#numbers
    this.errors.push({number, code, message: shown, where: place, count: 1, at: this.#clock(), revision})
    if (this.errors.length > MOST_ERRORS) this.errors.splice(oldestOf(this.errors), 1)
  }

  /** A workflow that begins; its end is told by what is returned, of which some engines say less than others. */
  workflow({tasks}: WorkflowOperation): EndWorkflow {
    const recorded: RecordedWorkflow = {
      number: ++this.#numbers,
      startedAt: this.#clock(),
      total: tasks.length,
      tasks: tasks.slice(0, MOST_TASKS).map(({agent, dependencies = [], id}) => ({
        id: shorten(id, LONGEST_NAME),
        agent: agent === undefined ? null : shorten(agent, LONGEST_NAME),
        dependencies: dependencies.slice(0, MOST_TASKS).map((name) => shorten(name, LONGEST_NAME)),
      })),
      endedAt: null,
      status: [],
      assigned: [],
      error: null,
      revision: ++this.revision,
    }
    this.workflows.push(recorded)
    if (this.workflows.length > MOST_WORKFLOWS) this.workflows.shift()
    return (report, error) => {
      recorded.endedAt = this.#clock()
      recorded.status = names(report?.status)
      recorded.assigned = names(report?.assigned)
      recorded.error = error && shorten(error.message, LONGEST_MESSAGE)
      recorded.revision = ++this.revision
    }
  }

  #fellBackTo({from, reason, to}: Fallback): void {
    this.#fellBack++
    let entry = this.#lastFallback
    // Nearly always the same as before; thousands a second are not looked up.
    if (entry?.reason !== reason || entry.to !== to || entry.from !== from) entry = this.#fallback({from, reason, to})
    entry.count++
    entry.at = this.#clock()
    this.#lastFallback = entry
  }

  #fallback({from, reason, to}: Fallback): RecordedFallback {
    const known = this.#fallbacks.find((each) => each.from === from && each.to === to && each.reason === reason)
    if (known) return known
    const made = {from, to, reason, count: 0, at: 0}
    this.#fallbacks.push(made)
    if (this.#fallbacks.length > MOST_FALLBACKS) this.#fallbacks.splice(oldestOf(this.#fallbacks), 1)
    return made
  }
}

function names(values: unknown): string[] {
  const first = Array.isArray(values) ? values.slice(0, MOST_TASKS) : []
  return first.map((each) => shorten(String(each), LONGEST_NAME))
}

/** The entry that was seen longest ago, apart from the newest. */
function oldestOf(entries: ReadonlyArray<{readonly at: number}>): number {
  let oldest = 0
  for (const [index, {at}] of entries.slice(0, -1).entries()) if (at < entries[oldest]!.at) oldest = index
  return oldest
}
