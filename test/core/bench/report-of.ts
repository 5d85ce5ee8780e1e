/** Reports for tests, with as much in them as a test says. */
import type {BenchReport, MetricReport} from '../../../src/core/bench/report.ts'

import {metricReport} from '../../../src/core/bench/metric.ts'
import {summarize} from '../../../src/core/bench/statistics.ts'

export interface ReportOf {
  /** Samples of the accelerated side, by `suite.metric`. */
  readonly samples?: Readonly<Record<string, readonly number[]>>
  readonly better?: 'higher' | 'lower'
  readonly unit?: MetricReport['unit']
  readonly calibrationUs?: number
  readonly cpu?: string
}

export function reportOf({
  better = 'higher',
  calibrationUs = 1000,
  cpu = 'Some CPU',
  samples = {},
  unit = 'ops/s',
}: ReportOf = {}): BenchReport {
  return {
    interrupted: false,
    environment: {
      started_at: '2026-11-24T18:59:47.661Z',
      seconds: 12,
      npubridge: '0.1.0',
      node: '24.21.0',
      os: {platform: 'linux', release: '6.18.44', distribution: 'Debian GNU/Linux 12'},
      cpu: {model: cpu, cores: 2, governor: null, turbo: null},
      memory_bytes: 25_000_000_000,
      container: true,
      load_average: 0.4,
      accelerated: {
        engine: 'native',
        performance_mode: 'cpu',
        device: 'CPU',
        device_name: cpu,
        runtime: '2026.4.1-22982-abc',
        driver: null,
        fallback: null,
      },
      legacy: {module: 'reference', sha256: null, python: '3.11.7', generations: ['v1', 'v2']},
      settings: {
        quick: true,
        rounds: 5,
        round_ms: 30,
        seed: 1,
        concurrency: 16,
        load: {rate: 1000, arrivals: 'poisson', duration_ms: 100, deadline_ms: 10},
      },
      calibration: {unit: 'us', ...summarize([calibrationUs, calibrationUs, calibrationUs])},
      warnings: [],
    },
    suites: Object.entries(samples).map(([key, values]) => {
      const [suite, name] = key.split('.') as [string, string]
      return {
        name: suite,
        metrics: [metricReport({name, title: name, unit, better}, {accelerated: outcomeOf(name, values)})],
        distributions: [],
        series: [],
        notes: [],
      }
    }),
    checks: [],
    comparison: null,
  }
}

function outcomeOf(metric: string, values: readonly number[]) {
  if (values.length === 0) return {absent: {status: 'failed', reason: 'it exploded'}} as const
  return {samples: {[metric]: values}, stretches: {}, distributions: {}, series: {}, lacks: {}}
}
