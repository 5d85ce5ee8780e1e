/**
 * A day of figures in bounded memory: seconds of the last quarter of an hour, ten seconds of the last two hours, minutes
 * of the last day. Times are monotonic, so that a clock that is set moves nothing.
 */
import {LatencyHistogram} from './histogram.ts'

/** What is kept of each moment. Rates are a second, latencies in microseconds, memory in bytes, utilisation 0 to 1. */
export const SERIES = [
  'throughput',
  'failures',
  'fallbacks',
  'p50',
  'p95',
  'p99',
  'queueDepth',
  'running',
  'utilisation',
  'frequencyMhz',
  'memoryBytes',
  'temperatureCelsius',
  'powerWatts',
] as const
export type Series = (typeof SERIES)[number]

/** What happened since the moment before, and how things are now; null is not known. */
export interface Moment extends Readonly<Record<GaugeName, number | null>> {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly elapsedMs: number
  readonly completed: number
  readonly failed: number
  readonly fellBack: number
  readonly latency: LatencyHistogram
}

const GAUGES = [
  'queueDepth',
  'running',
  'utilisation',
  'frequencyMhz',
  'memoryBytes',
  'temperatureCelsius',
  'powerWatts',
] as const
type GaugeName = (typeof GAUGES)[number]

export interface TierOptions {
  readonly periodMs: number
  readonly capacity: number
}

export const TIERS: readonly TierOptions[] = [
  {periodMs: 1000, capacity: 900},
  {periodMs: 10_000, capacity: 720},
  {periodMs: 60_000, capacity: 1440},
]

/** Rows of one tier, the oldest first, as they are sent: null is not known. */
export interface TierRows {
  readonly period_ms: number
  /** How long ago each row ended, in milliseconds. */
  readonly ages_ms: readonly number[]
  readonly series: Readonly<Partial<Record<Series, ReadonlyArray<number | null>>>>
}

export class History {
  readonly #tiers: readonly Tier[]

  constructor(tiers: readonly TierOptions[] = TIERS) {
    this.#tiers = tiers.map((options) => new Tier(options))
  }

  add(moment: Moment): void {
    for (const tier of this.#tiers) tier.add(moment)
  }

  /** How many rows each tier has ever had: what a reader knows already. */
  get position(): readonly number[] {
    return this.#tiers.map(({added}) => added)
  }

  /** Rows after `position`, all of them without. Tiers without news are left out. */
  rows(now: number, position?: readonly number[]): TierRows[] {
    const rows = this.#tiers.map((tier, index) => tier.rows(now, position?.[index] ?? 0))
    return rows.filter(({ages_ms: ages}) => ages.length > 0)
  }
}

/** How far apart moments may be, in periods, and still belong to one row. */
const GAP = 2

class Tier {
  added = 0
  readonly #options: TierOptions
  readonly #times: Float64Array
  readonly #columns: readonly Float32Array[]
  readonly #latency = new LatencyHistogram()
  #sums = emptySums()

  constructor(options: TierOptions) {
    this.#options = options
    this.#times = new Float64Array(options.capacity)
    this.#columns = SERIES.map(() => new Float32Array(options.capacity))
  }

  add(moment: Moment): void {
    const sums = this.#sums
    sums.elapsedMs += moment.elapsedMs
    sums.completed += moment.completed
    sums.failed += moment.failed
    sums.fellBack += moment.fellBack
    this.#latency.add(moment.latency)
    for (const name of GAUGES) {
      const value = moment[name]
      if (value === null) continue
      // A queue that was long for a second was long: the most counts. Telemetry is an average.
      if (name === 'queueDepth' || name === 'running') sums.gauges[name] = Math.max(sums.gauges[name] ?? 0, value)
      else {
        sums.gauges[name] = (sums.gauges[name] ?? 0) + value
        sums.counts[name] = (sums.counts[name] ?? 0) + 1
      }
    }

    // Timers are a little late or early: half a second is nobody's concern, a row of eleven seconds is.
    if (sums.elapsedMs < this.#options.periodMs - 500) return
    this.#push(moment.at)
  }

  #push(at: number): void {
    const {completed, counts, elapsedMs, failed, fellBack, gauges} = this.#sums
    // What lies in a gap, such as a machine that slept, is not spread over it.
    const isGap = elapsedMs > GAP * this.#options.periodMs + 1000
    const perSecond = (count: number) => (isGap ? null : (count * 1000) / elapsedMs)
    const values: Readonly<Record<Series, number | null>> = {
      throughput: perSecond(completed + failed),
      failures: perSecond(failed),
      fallbacks: perSecond(fellBack),
      ...latencies(this.#latency),
      ...(Object.fromEntries(
        GAUGES.map((name) => [name, gauges[name] === undefined ? null : gauges[name] / (counts[name] ?? 1)]),
      ) as Record<GaugeName, number | null>),
    }
    const index = this.added % this.#options.capacity
    this.#times[index] = at
    for (const [column, name] of SERIES.entries()) this.#columns[column]![index] = values[name] ?? NaN
    this.added++
    this.#latency.clear()
    this.#sums = emptySums()
  }

  rows(now: number, from: number): TierRows {
    const {capacity, periodMs} = this.#options
    const first = Math.max(from, this.added - capacity, 0)
    const indices = Array.from({length: Math.max(0, this.added - first)}, (_, row) => (first + row) % capacity)
    const series = SERIES.map((name, column) => {
      const values = indices.map((index) => rounded(this.#columns[column]![index]!))
      return [name, values] as const
    })
    return {
      period_ms: periodMs,
      ages_ms: indices.map((index) => Math.max(0, Math.round(now - this.#times[index]!))),
      series: Object.fromEntries(series.filter(([, values]) => values.some((value) => value !== null))),
    }
  }
}

interface Sums {
  elapsedMs: number
  completed: number
  failed: number
  fellBack: number
  readonly gauges: Partial<Record<GaugeName, number>>
  readonly counts: Partial<Record<GaugeName, number>>
}

function emptySums(): Sums {
  return {elapsedMs: 0, completed: 0, failed: 0, fellBack: 0, gauges: {}, counts: {}}
}

function latencies(histogram: LatencyHistogram): Record<'p50' | 'p95' | 'p99', number | null> {
  const {p50, p95, p99} = histogram.figures
  return {p50, p95, p99}
}

/** Four digits are more than anybody sees on a chart. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null
}
