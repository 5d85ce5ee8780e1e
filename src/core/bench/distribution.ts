import {createHistogram, type RecordableHistogram} from 'node:perf_hooks'

/** How single operations were spread over time, in microseconds, from an HDR histogram with three digits. */
export interface Distribution {
  /** How many operations. */
  readonly count: number
  readonly mean: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** Percentile and time, in rising order: the shape of the distribution. */
  readonly curve: ReadonlyArray<readonly [number, number]>
  /** Where a bucket begins, and how many operations are in it: eight buckets of equal ratio for each power of ten. */
  readonly buckets: ReadonlyArray<readonly [number, number]>
}

/** Denser towards the end, where the interesting ones are. */
const CURVE = [1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 93, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.99, 100]
const NS_PER_US = 1000
const LONGEST_NS = 3.6e12
const BUCKETS_PER_DECADE = 8

/** Latencies of as many operations as there are, in a fixed amount of memory. */
export class LatencyHistogram {
  readonly #histogram: RecordableHistogram = createHistogram({lowest: 1, highest: LONGEST_NS, figures: 3})
  readonly #buckets = new Map<number, number>()

  /** Adds latencies in microseconds. What takes no time at all counts as the shortest time there is. */
  add(latenciesUs: readonly number[]): void {
    for (const latency of latenciesUs) {
      const nanoseconds = Math.min(LONGEST_NS, Math.max(1, Math.round(latency * NS_PER_US)))
      this.#histogram.record(nanoseconds)
      const bucket = Math.floor(Math.log10(nanoseconds) * BUCKETS_PER_DECADE)
      this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    }
  }

  /** Null while nothing was added. */
  get distribution(): Distribution | null {
    const histogram = this.#histogram
    if (histogram.count === 0) return null
    const at = (percentile: number) => histogram.percentile(percentile) / NS_PER_US
    return {
      count: histogram.count,
      mean: histogram.mean / NS_PER_US,
      min: histogram.min / NS_PER_US,
      p50: at(50),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max: histogram.max / NS_PER_US,
      curve: CURVE.map((percentile) => [percentile, at(percentile)] as const),
      buckets: [...this.#buckets]
        .toSorted(([a], [b]) => a - b)
        .map(([bucket, count]) => [10 ** (bucket / BUCKETS_PER_DECADE) / NS_PER_US, count] as const),
    }
  }
}
