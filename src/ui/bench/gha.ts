/** The input of github-action-benchmark: its tools customBiggerIsBetter and customSmallerIsBetter take one kind each. */
import type {PrintableMetric, PrintableReport} from './printable.ts'

import {renderFigure} from './figure.ts'

interface Entry {
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly range: string
  readonly extra: string
}

/**
 * The accelerated figures of which `better` says which way is better, as JSON.
 *
 * https://github.com/benchmark-action/github-action-benchmark#examples
 */
export function renderGha({suites}: PrintableReport, better: PrintableMetric['better']): string {
  const entries = suites.flatMap(({metrics, name}) =>
    metrics.flatMap((metric) => (metric.better === better ? entryOf(name, metric) : [])),
  )
  return `${JSON.stringify(entries, null, 2)}\n`
}

function entryOf(suite: string, metric: PrintableMetric): Entry[] {
  const side = metric.sides.accelerated
  if (side?.status !== 'measured' || side.median === null) return []
  const half = side.ci95 === null ? null : Math.max(side.ci95[1] - side.median, side.median - side.ci95[0])
  const legacy = metric.sides.legacy_without_sleep?.median ?? null
  return [
    {
      name: `${suite}.${metric.name}`,
      unit: metric.unit,
      value: side.median,
      range: half === null ? '' : `± ${half}`,
      extra: [
        `${side.samples} samples`,
        ...(legacy === null ? [] : [`legacy without sleep ${renderFigure(legacy, null, metric.unit)}`]),
      ].join('\n'),
    },
  ]
}
