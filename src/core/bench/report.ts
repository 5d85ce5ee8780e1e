/** What a benchmark gives: the shape of `bench --json`. Later versions add to it and take nothing away. */
import type {Environment} from './environment.ts'
import type {Interval} from './statistics.ts'

export type Unit = 'bytes' | 'bytes/op' | 'inferences/s' | 'ops/s' | 'tasks/s' | 'us'

/** Why a side has no figures. */
export type Absence = 'failed' | 'not_available' | 'not_run'

export interface MeasuredSide {
  readonly status: 'measured'
  readonly reason: null
  readonly median: number
  readonly p50: number
  readonly p99: number
  /** A 95 % confidence interval of the median; null with too few samples. */
  readonly ci95: Interval | null
  readonly samples: number
}

export interface AbsentSide {
  readonly status: Absence
  /** One sentence for the user. */
  readonly reason: string
  readonly median: null
  readonly p50: null
  readonly p99: null
  readonly ci95: null
  readonly samples: 0
}

export type SideReport = AbsentSide | MeasuredSide

/** What was promised of a figure: of its value on the accelerated side, or of its improvement. */
export interface Target {
  readonly kind: 'ratio' | 'value'
  /** The least value for `better: 'higher'` and for a ratio, the value to stay below for `better: 'lower'`. */
  readonly bound: number
}

export interface MetricReport {
  readonly name: string
  readonly unit: Unit
  readonly better: 'higher' | 'lower'
  readonly sides: Readonly<Record<string, SideReport>>
  /**
   * How many times better the accelerated side is than the legacy side without its simulated sleep; null where one of
   * them has no figures, or where the quotient would have no meaning because one is not positive.
   */
  readonly ratio: number | null
  readonly ratio_ci95: Interval | null
  readonly target: number | null
  readonly target_kind: 'ratio' | 'value' | null
  /** Null where there is no target, or nothing to hold against it. */
  readonly met: boolean | null
}

export interface SuiteReport {
  readonly name: string
  readonly metrics: readonly MetricReport[]
  /** How it was measured, a sentence each. */
  readonly notes: readonly string[]
}

/** A bound that the user set, and whether it was kept. */
export interface CheckReport {
  /** `suite.metric` */
  readonly metric: string
  readonly kind: 'above' | 'below'
  readonly bound: number
  /** The median of the accelerated side; null when it has no figures. */
  readonly value: number | null
  readonly met: boolean
}

export interface BenchReport {
  readonly environment: Environment
  readonly suites: readonly SuiteReport[]
  readonly checks: readonly CheckReport[]
}
