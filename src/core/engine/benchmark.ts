import {type LatencySummary} from './engine.ts'
import {summarize} from './metrics.ts'

/** What a timed loop of work tells. */
export interface BenchmarkResult {
  readonly kind: string
  readonly operations: number
  /** Time spent in the operations themselves. */
  readonly durationMs: number
  readonly opsPerSecond: number
  readonly latencyUs: LatencySummary
}

/** The result of a loop whose rounds took `latenciesUs`, one after the other. */
export function benchmarkResult(kind: string, latenciesUs: readonly number[]): BenchmarkResult {
  const elapsedUs = latenciesUs.reduce((sum, us) => sum + us, 0)
  return {
    kind,
    operations: latenciesUs.length,
    durationMs: elapsedUs / 1000,
    opsPerSecond: elapsedUs > 0 ? (latenciesUs.length / elapsedUs) * 1e6 : 0,
    latencyUs: summarize(latenciesUs),
  }
}
