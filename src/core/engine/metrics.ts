/**
 * Counters and latencies of an engine in TypeScript. The histograms are Node's own HDR histograms, so percentiles cost
 * no samples; three significant digits are kept.
 */
import {createHistogram, type RecordableHistogram} from 'node:perf_hooks'

import type {ErrorCode} from '../errors.ts'
import type {EngineKind, LatencySummary, MetricsSnapshot, OperationResult, OperationType} from './engine.ts'

const NS_PER_US = 1000
/** Durations outside are counted as the nearest bound: 10 ns and one hour. */
const SHORTEST_NS = 10
const LONGEST_NS = 3.6e12

const NOTHING: LatencySummary = {count: 0, mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, max: 0}

type Phase = 'compute' | 'queue' | 'total'

export class EngineMetrics {
  readonly #engine: EngineKind
  readonly #startedAt = performance.now()
  readonly #failures = new Map<ErrorCode, number>()
  readonly #latencies = new Map<OperationType, Record<Phase, RecordableHistogram>>()
  #submitted = 0
  #completed = 0
  #failed = 0
  #fallbacks = 0

  constructor(engine: EngineKind) {
    this.#engine = engine
  }

  submitted(): void {
    this.#submitted++
  }

  completed(result: OperationResult): void {
    this.#completed++
    if (result.fallback) this.#fallbacks++
    let latencies = this.#latencies.get(result.type)
    if (!latencies) {
      latencies = {compute: newHistogram(), queue: newHistogram(), total: newHistogram()}
      this.#latencies.set(result.type, latencies)
    }

    record(latencies.compute, result.computeUs)
    record(latencies.queue, result.queueUs)
    record(latencies.total, result.totalUs)
  }

  failed(code: ErrorCode): void {
    this.#failed++
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
  }

  snapshot(queueDepth: number, running: number): MetricsSnapshot {
    return {
      engine: this.#engine,
      uptimeMs: performance.now() - this.#startedAt,
      submitted: this.#submitted,
      completed: this.#completed,
      failed: this.#failed,
      queueDepth,
      running,
      failuresByCode: Object.fromEntries(this.#failures),
      fallbacks: this.#fallbacks,
      operations: Object.fromEntries(
        [...this.#latencies].map(([type, {compute, queue, total}]) => [
          type,
          {compute: summary(compute), queue: summary(queue), total: summary(total)},
        ]),
      ),
    }
  }
}

/** The summary of latencies in microseconds. */
export function summarize(latenciesUs: Iterable<number>): LatencySummary {
  const histogram = newHistogram()
  for (const us of latenciesUs) record(histogram, us)
  return summary(histogram)
}

function newHistogram(): RecordableHistogram {
  return createHistogram({lowest: SHORTEST_NS, highest: LONGEST_NS, figures: 3})
}

function record(histogram: RecordableHistogram, us: number): void {
  const ns = Math.round(us * NS_PER_US)
  histogram.record(Math.min(LONGEST_NS, Math.max(SHORTEST_NS, ns)))
}

function summary(histogram: RecordableHistogram): LatencySummary {
  if (histogram.count === 0) return NOTHING
  const percentile = (rank: number) => histogram.percentile(rank) / NS_PER_US
  return {
    count: histogram.count,
    mean: histogram.mean / NS_PER_US,
    p50: percentile(50),
    p90: percentile(90),
    p95: percentile(95),
    p99: percentile(99),
    p999: percentile(99.9),
    max: histogram.max / NS_PER_US,
  }
}
