/** A benchmark as CSV (RFC 4180): a line for each side of each metric. */
import type {PrintableReport} from './printable.ts'

const COLUMNS = [
  'suite',
  'metric',
  'unit',
  'better',
  'side',
  'status',
  'median',
  'ci95_low',
  'ci95_high',
  'p50',
  'p99',
  'mean',
  'mad',
  'outliers',
  'stable',
  'samples',
  'ratio',
  'target',
  'target_kind',
  'met',
  'reason',
]

export function renderCsv({suites}: PrintableReport): string {
  const rows = suites.flatMap(({metrics, name: suite}) =>
    metrics.flatMap((metric) =>
      Object.entries(metric.sides).map(([side, each]) => {
        const {ci95, mad, mean, median, outliers, p50, p99, reason, samples, stable, status} = each
        const figures = [median, ci95?.[0], ci95?.[1], p50, p99, mean, mad, outliers, stable, samples]
        const comparison = [metric.ratio, metric.target, metric.target_kind, metric.met]
        return [suite, metric.name, metric.unit, metric.better, side, status, ...figures, ...comparison, reason]
      }),
    ),
  )
  return [COLUMNS, ...rows].map((row) => `${row.map(renderCell).join(',')}\r\n`).join('')
}

function renderCell(value: boolean | number | string | null | undefined): string {
  const text = String(value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
