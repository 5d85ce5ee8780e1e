/** What the renderers of a benchmark need to know of it: the shape of its JSON, as far as it is shown. */

export interface PrintableSide {
  readonly status: 'failed' | 'measured' | 'not_available' | 'not_run'
  readonly reason: string | null
  readonly median: number | null
  readonly p50: number | null
  readonly p99: number | null
  readonly ci95: readonly [number, number] | null
  readonly samples: number
  readonly mean?: number
  readonly mad?: number
  readonly outliers?: number
  readonly stable?: boolean | null
}

export interface PrintableMetric {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  /** Where it lies on an axis that several metrics of the suite share. */
  readonly point: {readonly axis: string; readonly x: number} | null
  readonly sides: Readonly<Record<string, PrintableSide>>
  readonly ratio: number | null
  /** How many times better accelerated is than other devices and programs. */
  readonly others: Readonly<Record<string, {readonly ratio: number}>>
  readonly target: number | null
  readonly target_kind: 'ratio' | 'value' | null
  readonly met: boolean | null
}

export interface PrintableSpread {
  readonly buckets: ReadonlyArray<readonly [number, number]>
  readonly count: number
  readonly curve: ReadonlyArray<readonly [number, number]>
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
}

export interface PrintableDistribution {
  readonly name: string
  readonly sides: Readonly<Record<string, PrintableSpread>>
}

export interface PrintableSeries {
  readonly name: string
  readonly x: string
  readonly unit: string
  readonly sides: Readonly<Record<string, ReadonlyArray<readonly [number, number]>>>
}

export interface PrintableSuite {
  readonly name: string
  readonly metrics: readonly PrintableMetric[]
  readonly distributions: readonly PrintableDistribution[]
  readonly series: readonly PrintableSeries[]
  readonly notes: readonly string[]
}

export interface PrintableEnvironment {
  readonly accelerated: {
    readonly engine: string
    readonly device: string | null
    readonly device_name: string | null
    readonly runtime: string | null
    readonly driver: string | null
  } | null
  readonly container: boolean
  readonly cpu: {
    readonly cores: number
    readonly governor: string | null
    readonly model: string
    readonly turbo: boolean | null
  }
  readonly legacy: {readonly module: string; readonly python: string} | null
  readonly load_average: number
  readonly node: string
  readonly npubridge: string
  readonly os: {readonly distribution: string | null; readonly platform: string; readonly release: string}
  readonly seconds: number
  readonly settings: {
    readonly quick: boolean
    readonly round_ms: number
    readonly rounds: number
    readonly seed: number
  }
  readonly started_at: string
  readonly warnings: readonly string[]
}

export interface PrintableCheck {
  readonly bound: number
  readonly kind: 'above' | 'below'
  readonly met: boolean
  readonly metric: string
  readonly value: number | null
}

export interface PrintableReport {
  readonly interrupted: boolean
  readonly environment: PrintableEnvironment
  readonly suites: readonly PrintableSuite[]
  readonly checks: readonly PrintableCheck[]
  readonly comparison: PrintableComparison | null
}

export interface PrintableComparison {
  readonly allowed: number | null
  readonly differences: readonly string[]
  readonly drift: number
  readonly failed: boolean
  readonly kind: 'against' | 'baseline'
  readonly metrics: ReadonlyArray<{
    readonly adjusted_change: number | null
    readonly before: number | null
    readonly effect: number | null
    readonly metric: string
    readonly now: number | null
    readonly p: number | null
    readonly regression: boolean
    readonly unit: string
    readonly verdict: 'better' | 'same' | 'unknown' | 'worse'
  }>
  readonly name: string
  readonly started_at: string | null
  readonly test: 'mann-whitney' | 'paired-permutation'
}
