/** A report in which everything that is shown occurs once. */
import type {
  PrintableComparison,
  PrintableDistribution,
  PrintableMetric,
  PrintableReport,
  PrintableSeries,
} from '../../../src/ui/bench/printable.ts'

export const measured = (median: number, ci95: [number, number] | null = null) =>
  ({
    status: 'measured',
    reason: null,
    median,
    p50: median,
    p99: median,
    ci95,
    samples: 5,
    mean: median,
    mad: 1,
    outliers: 0,
  }) as const
export const without = (status: 'failed' | 'not_available' | 'not_run', reason: string) =>
  ({status, reason, median: null, p50: null, p99: null, ci95: null, samples: 0}) as const

export const NO_MODELS = 'the old module runs no models'

export const THROUGHPUT: PrintableMetric = {
  name: 'throughput',
  title: 'throughput',
  unit: 'ops/s',
  better: 'higher',
  point: {axis: 'operations in flight', x: 1024},
  sides: {
    legacy_as_shipped: measured(99, [98, 100]),
    legacy_without_sleep: measured(24_600, [24_200, 25_000]),
    accelerated: measured(301_000, [295_000, 307_000]),
  },
  ratio: 12.236,
  others: {},
  target: 50_000,
  target_kind: 'value',
  met: true,
}

export const MEMORY: PrintableMetric = {
  name: 'growth',
  title: 'growth',
  unit: 'bytes/op',
  better: 'lower',
  point: null,
  sides: {
    legacy_as_shipped: without('not_run', 'its sleep alone takes 20 s'),
    legacy_without_sleep: measured(81_300, [81_200, 81_400]),
    accelerated: measured(0),
  },
  ratio: null,
  others: {},
  target: 2,
  target_kind: 'ratio',
  met: true,
}

export const INFERENCE: PrintableMetric = {
  name: 'latency_p99',
  title: 'latency p99',
  unit: 'us',
  better: 'lower',
  point: null,
  sides: {
    legacy_as_shipped: without('not_available', NO_MODELS),
    legacy_without_sleep: without('not_available', NO_MODELS),
    accelerated: measured(1530, [1500, 1580]),
  },
  ratio: null,
  others: {},
  target: 1000,
  target_kind: 'value',
  met: false,
}

export const LATENCY: PrintableDistribution = {
  name: 'latency',
  sides: {
    accelerated: {
      count: 100,
      p50: 9.6,
      p90: 12,
      p95: 15,
      p99: 140,
      p999: 2300,
      max: 2300,
      curve: [
        [50, 9.6],
        [99, 140],
        [100, 2300],
      ],
      buckets: [
        [10, 64],
        [13.3, 32],
        [100, 4],
      ],
    },
  },
}

export const GROWTH: PrintableSeries = {
  name: 'memory',
  x: 'operations',
  unit: 'bytes',
  sides: {
    legacy_without_sleep: [
      [0, 25e6],
      [100, 33e6],
    ],
    accelerated: [
      [0, 82e6],
      [100, 83e6],
    ],
  },
}

export const REPORT: PrintableReport = {
  interrupted: false,
  environment: {
    accelerated: {
      engine: 'native',
      device: 'CPU',
      device_name: 'Some CPU',
      runtime: '2026.4.1-22982-abc',
      driver: null,
    },
    container: false,
    cpu: {cores: 2, governor: null, turbo: null, model: 'Some CPU'},
    legacy: {module: 'reference', python: '3.11.7'},
    load_average: 6.8,
    node: '24.21.0',
    npubridge: '0.1.0',
    os: {distribution: 'Debian GNU/Linux 12', platform: 'linux', release: '6.18.44'},
    seconds: 12,
    settings: {quick: true, round_ms: 30, rounds: 5, seed: 42},
    started_at: '2026-11-24T18:59:47.661Z',
    warnings: ['load average 6.8 on 2 cores'],
  },
  suites: [
    {
      name: 'coordination',
      metrics: [THROUGHPUT],
      notes: ['Timed around submit().'],
      distributions: [LATENCY],
      series: [],
    },
    {name: 'inference', metrics: [INFERENCE], notes: [], distributions: [], series: []},
    {name: 'memory', metrics: [MEMORY], notes: [], distributions: [], series: [GROWTH]},
  ],
  checks: [{bound: 50_000, kind: 'below', met: false, metric: 'coordination.throughput', value: 49_999}],
  comparison: null,
}

export const COMPARISON: PrintableComparison = {
  allowed: 0.05,
  differences: ['Node.js is 24, was 22'],
  drift: 1.02,
  failed: false,
  kind: 'baseline',
  name: 'before',
  started_at: '2026-11-20T10:00:00.000Z',
  test: 'mann-whitney',
  metrics: [
    {
      metric: 'coordination.throughput',
      unit: 'ops/s',
      before: 320_000,
      now: 301_000,
      adjusted_change: -0.06,
      effect: -0.8,
      p: 0.002,
      regression: true,
      verdict: 'worse',
    },
    {
      metric: 'memory.growth',
      unit: 'bytes/op',
      before: 0,
      now: 0,
      adjusted_change: null,
      effect: 0.1,
      p: 0.4,
      regression: false,
      verdict: 'same',
    },
  ],
}
