/** How a comparison with another build or an earlier run looks. */
import type {PrintableComparison} from './printable.ts'

import {mark} from '../mark.ts'
import {renderTable} from '../table.ts'
import {NO_BREAK, renderFigure} from './figure.ts'

const MARKS = {better: 'ok', same: 'none', unknown: 'none', worse: 'warning'} as const
const KINDS = {
  against: {column: 'other build', title: 'Against the build in'},
  baseline: {column: 'baseline', title: 'Since the baseline'},
} as const
const WORDS = {better: 'better', same: '~', unknown: 'unknown', worse: 'worse'} as const

/** The table, and what to make of it. */
export function renderComparison(comparison: PrintableComparison, width: number | undefined): string {
  const titles = comparisonHead(comparison)
  return renderTable({
    columns: titles.map((title, index) => ({
      title,
      ...(index > 0 && index < titles.length - 1 && {align: 'right' as const}),
    })),
    rows: comparison.metrics.map((metric, index) => {
      const cells = comparisonRows(comparison)[index]!
      const sign = mark(metric.regression ? 'failed' : MARKS[metric.verdict])
      return [...cells.slice(0, -1).map((cell) => cell || mark('none')), `${sign} ${cells.at(-1)}`]
    }),
    width,
  })
}

export function comparisonTitle({kind, name}: PrintableComparison): string {
  return `${KINDS[kind].title} ${name}`
}

export function comparisonHead({kind}: PrintableComparison): string[] {
  return ['metric', KINDS[kind].column, 'now', 'change', 'p', 'effect', '']
}

/** Cells of text; what there is nothing for is empty. */
export function comparisonRows({metrics}: PrintableComparison): string[][] {
  return metrics.map((metric) => {
    const {adjusted_change: change, effect, p, regression, verdict} = metric
    const figure = (value: number | null) => (value === null ? '' : renderFigure(value, null, metric.unit))
    return [
      metric.metric,
      figure(metric.before),
      figure(metric.now),
      change === null ? '' : renderChange(change),
      p === null ? '' : renderP(p),
      effect === null ? '' : effect.toFixed(2),
      regression ? 'regression' : WORDS[verdict],
    ]
  })
}

export function renderChange(change: number): string {
  return `${change > 0 ? '+' : change < 0 ? '−' : ''}${(Math.abs(change) * 100).toFixed(1)}${NO_BREAK}%`
}

function renderP(p: number): string {
  return p < 0.001 ? `<${NO_BREAK}0.001` : p.toFixed(3)
}

/** How to read it, a line each. */
export function renderComparisonNotes(comparison: PrintableComparison): string[] {
  const {allowed, differences, drift, failed, kind, metrics, name, test} = comparison
  const regressions = metrics.filter(({regression}) => regression)
  const versus =
    kind === 'against'
      ? `Compared with the build in ${name}, measured in turns with this one.`
      : `Compared with the baseline ${name} of ${comparison.started_at?.slice(0, 10) ?? 'unknown date'}. A fixed load took ${renderChange(drift - 1)} of time since: changes are shown with this drift taken out.`
  const tested = test === 'paired-permutation' ? 'paired permutation test of the blocks' : 'Mann–Whitney U test'
  return [
    versus,
    `~ is no significant difference (${tested}, p ≥ 0.01); effect is how much more often a sample now is higher than lower, from -1 to 1.`,
    ...(metrics.some(({p, verdict}) => verdict === 'unknown' && p !== null) ? [TOO_FEW] : []),
    ...differences.map((difference) => `Not the same: ${difference}.`),
    ...(allowed === null ? [] : [verdictOf(regressions.length, allowed, failed)]),
  ]
}

const TOO_FEW = 'Unknown is what so few samples could not tell: take more with --runs.'

function verdictOf(count: number, allowed: number, failed: boolean): string {
  const limit = `${Number((allowed * 100).toPrecision(3))} %`
  if (count === 0) return `No metric is significantly worse by more than ${limit}.`
  const what = `${count} ${count === 1 ? 'metric is' : 'metrics are'} significantly worse by more than ${limit}`
  return failed ? `${what}.` : `${what}, which does not fail because the baseline is of another machine or version.`
}
