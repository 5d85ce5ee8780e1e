/**
 * The harness: all sides of a case do their work in turns, in an order that chance chooses anew each round, so that
 * whatever else happens on the machine meets all of them alike.
 */
import type {Absence} from './report.ts'
import type {Absent, Case, Round, SeriesPoint, Side} from './suites/suite.ts'

import {asNpuBridgeError} from '../errors.ts'
import {cancelled} from '../process/run.ts'
import {type Distribution, LatencyHistogram} from './distribution.ts'
import {type Random, shuffled} from './random.ts'

export interface Measured {
  /** Samples by metric. */
  readonly samples: Readonly<Record<string, readonly number[]>>
  /** Samples of short stretches of the rounds, by metric; of some metrics only. */
  readonly stretches: Readonly<Record<string, readonly number[]>>
  /** Times of single operations over all rounds, by what was timed. */
  readonly distributions: Readonly<Record<string, Distribution>>
  /** Of the first round. */
  readonly series: Readonly<Record<string, readonly SeriesPoint[]>>
  /** Why there are no samples of a metric. */
  readonly lacks: Readonly<Record<string, Absent>>
}

export interface NotMeasured {
  readonly absent: Absent
}

export type Outcome = Measured | NotMeasured

export interface MeasureOptions {
  readonly random: Random
  readonly signal: AbortSignal
  /** Called before each piece of work; `fraction` says how much of the case is done. */
  readonly onProgress: (doing: string, fraction: number) => void
}

/**
 * Measures `work`; gives what came of each side. A side that fails takes no part in what follows. When `signal` is
 * aborted, what was measured until then is what there is.
 */
export async function measureCase(work: Case, options: MeasureOptions): Promise<Record<string, Outcome>> {
  const interrupted = interruption(options.signal)
  const contenders = Object.entries(work.sides).map(
    ([name, side]) => new Contender(name, side, work, options.signal, interrupted),
  )
  for (const contender of contenders) {
    options.onProgress(`${work.title}: getting ready`, 0)
    await contender.try(async () => contender.side.prepare?.())
  }

  for (let round = 0; round < work.rounds && !options.signal.aborted; round++) {
    const present = contenders.filter((contender) => contender.takesPartIn(round))
    for (const contender of shuffled(present, options.random)) {
      options.onProgress(`${work.title}: ${contender.name.replaceAll('_', ' ')}`, round / work.rounds)
      await contender.try(async () => {
        contender.add(await contender.side.measure())
      })
    }
  }

  return Object.fromEntries(contenders.map((contender) => [contender.name, contender.outcome]))
}

class Contender {
  readonly name: string
  readonly side: Side
  readonly #rounds: number
  readonly #ofRounds: number
  readonly #samples: Record<string, number[]>
  readonly #stretches: Record<string, number[]> = {}
  readonly #histograms = new Map<string, LatencyHistogram>()
  readonly #interrupted: Promise<never>
  readonly #signal: AbortSignal
  #series: Measured['series'] | undefined
  #absent: NotMeasured['absent'] | undefined

  constructor(name: string, side: Side, {metrics, rounds}: Case, signal: AbortSignal, interrupted: Promise<never>) {
    this.name = name
    this.side = side
    this.#rounds = Math.min(side.rounds ?? rounds, rounds)
    this.#ofRounds = rounds
    this.#samples = Object.fromEntries(metrics.map((metric) => [metric, []]))
    this.#signal = signal
    this.#interrupted = interrupted
    this.#absent = side.absent
  }

  get outcome(): Outcome {
    if (this.#absent) return {absent: this.#absent}
    if (this.#signal.aborted && Object.values(this.#samples).every(({length}) => length === 0)) return INTERRUPTED
    const distributions = [...this.#histograms].flatMap(([name, {distribution}]) =>
      distribution ? [[name, distribution] as const] : [],
    )
    const {lacks = {}} = this.side
    const series = this.#series ?? {}
    return {
      samples: this.#samples,
      stretches: this.#stretches,
      distributions: Object.fromEntries(distributions),
      series,
      lacks,
    }
  }

  /** Whether this round is one of those that it does: they are spread evenly over all of them. */
  takesPartIn(round: number): boolean {
    if (this.#absent) return false
    const due = (rounds: number) => Math.floor((rounds * this.#rounds) / this.#ofRounds)
    return due(round + 1) > due(round)
  }

  add({latenciesUs = {}, series, stretches = {}, values}: Round): void {
    this.#series ??= series
    for (const [metric, value] of Object.entries(values)) this.#samples[metric]?.push(value)
    for (const [metric, samples] of Object.entries(stretches)) (this.#stretches[metric] ??= []).push(...samples)
    for (const [name, latencies] of Object.entries(latenciesUs)) {
      const histogram = this.#histograms.get(name) ?? new LatencyHistogram()
      this.#histograms.set(name, histogram)
      histogram.add(latencies)
    }
  }

  /** Does `work`, unless it has failed before; a failure is kept as the reason. An interruption ends it at once. */
  async try(work: () => Promise<void>): Promise<void> {
    if (this.#absent || this.#signal.aborted) return
    try {
      await Promise.race([work(), this.#interrupted])
    } catch (error) {
      if (this.#signal.aborted) return
      const {code, message} = asNpuBridgeError(error)
      this.#absent = {status: ABSENT_BY_CODE[code] ?? 'failed', reason: message}
    }
  }
}

const INTERRUPTED: NotMeasured = {absent: {status: 'not_run', reason: 'interrupted before it was measured'}}

/** A side that has no such thing has not failed. */
const ABSENT_BY_CODE: Readonly<Record<string, Absence>> = {UNSUPPORTED_OPERATION: 'not_available'}

/** Rejects when `signal` is aborted; one for all, because each listener stays for as long as the signal. */
async function interruption(signal: AbortSignal): Promise<never> {
  const {promise, reject} = Promise.withResolvers<never>()
  const onAbort = () => {
    reject(cancelled(signal))
  }

  signal.addEventListener('abort', onAbort, {once: true})
  // Nobody may be listening when it happens.
  promise.catch(() => {})
  return promise
}
