/** A benchmark on a terminal: a table of its figures, or a list where there is no room for one. */
import {styleText} from 'node:util'

import type {PrintableMetric, PrintableReport, PrintableSuite} from './printable.ts'

import {mark} from '../mark.ts'
import {renderTable, stdoutWidth} from '../table.ts'
import {wrap} from '../wrap.ts'
import {renderCheck, renderHeading, renderLegend, renderMethod, renderWarnings} from './about.ts'
import {renderComparison, renderComparisonNotes} from './comparison.ts'
import {renderSpreads} from './distributions.ts'
import {Footnotes, metricTitle, renderImprovement, renderSide, renderTarget, SIDES} from './figure.ts'
import {otherRows, OTHERS_HEAD} from './others.ts'

/** Narrower than this, a table would break its words; the figures are listed instead. */
const LEAST_TABLE_WIDTH = 80
const LABEL_WIDTH = 22

/** The whole report for a terminal of `width` columns; undefined for a file or a pipe. */
export function renderBench(report: PrintableReport, width = stdoutWidth()): string {
  const footnotes = new Footnotes()
  const figures =
    width !== undefined && width < LEAST_TABLE_WIDTH
      ? report.suites.flatMap((suite) => renderList(suite, footnotes)).join('\n')
      : renderFigures(report.suites, footnotes, width)
  const text = (lines: readonly string[]) => lines.flatMap((each) => wrap(each, width))
  return [
    ...text(renderHeading(report.environment)),
    '',
    figures,
    ...renderOthers(report.suites, footnotes, width),
    ...renderSpreads(report.suites, width),
    ...text(renderLegend(report, footnotes)),
    ...text(renderWarnings(report).map((warning) => `${mark('warning')} ${warning}`)),
    ...text(renderMethod(report)),
    ...(report.comparison ? [renderComparison(report.comparison, width)] : []),
    ...text(report.comparison ? renderComparisonNotes(report.comparison) : []),
    ...text(report.checks.map((check) => `${mark(check.met ? 'ok' : 'failed')} ${renderCheck(check)}`)),
  ].join('\n')
}

function renderFigures(suites: readonly PrintableSuite[], footnotes: Footnotes, width: number | undefined): string {
  return renderTable({
    columns: [
      {title: 'metric'},
      ...SIDES.map(({title}) => ({title, align: 'right' as const})),
      {title: 'improvement', align: 'right'},
      {title: 'target', align: 'right'},
      {title: 'met'},
    ],
    rows: suites.flatMap(({metrics, name}) =>
      metrics.map((metric) => [
        `${name} ${metricTitle(metric)}`,
        ...SIDES.map(({key}) => renderSide(metric, metric.sides[key], footnotes) ?? mark('none')),
        renderImprovement(metric) ?? mark('none'),
        renderTarget(metric) ?? mark('none'),
        renderMet(metric),
      ]),
    ),
    width,
  })
}

function renderOthers(suites: readonly PrintableSuite[], footnotes: Footnotes, width: number | undefined): string[] {
  const rows = otherRows(suites, footnotes)
  if (rows.length === 0) return []
  const columns = OTHERS_HEAD.map((title, index) => ({title, ...(index > 1 && {align: 'right' as const})}))
  return [renderTable({columns, rows, width})]
}

function renderList({metrics, name}: PrintableSuite, footnotes: Footnotes): string[] {
  return metrics.flatMap((metric) => [
    styleText('bold', `${name} ${metricTitle(metric)}`, {stream: process.stdout}),
    ...SIDES.map(({key, title}) => line(title, renderSide(metric, metric.sides[key], footnotes))),
    line('improvement', renderImprovement(metric)),
    ...(metric.target === null ? [] : [line('target', `${renderTarget(metric)} ${renderMet(metric)}`)]),
    '',
  ])
}

function line(label: string, value: string | null): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${value ?? mark('none')}`
}

function renderMet({met}: PrintableMetric): string {
  if (met === null) return mark('none')
  return met ? `${mark('ok')} yes` : `${mark('failed')} no`
}
