import type {LatencySummary} from './engine.ts'

import {summarize} from './metrics.ts'

/** What a timed loop of work tells; the names are those of the native engine. */
export interface BenchmarkResult {
  readonly kind: string
  readonly operations: number
  /** Time spent in the operations themselves. */
  readonly durationMs: number
  readonly failed: number
  readonly operationsPerSecond: number
  /** How many operations were under way at a time. */
  readonly window: number
  readonly latencyUs: LatencySummary
}

/** The result of a loop whose rounds took `latenciesUs`, one after the other. */
export function benchmarkResult(kind: string, latenciesUs: readonly number[]): BenchmarkResult {
  const elapsedUs = latenciesUs.reduce((sum, us) => sum + us, 0)
  return {
    kind,
    operations: latenciesUs.length,
    durationMs: elapsedUs / 1000,
    failed: 0,
    operationsPerSecond: elapsedUs > 0 ? (latenciesUs.length / elapsedUs) * 1e6 : 0,
    window: 1,
    latencyUs: summarize(latenciesUs),
  }
}
