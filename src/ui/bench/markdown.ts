/** A benchmark as GitHub-flavoured Markdown. */
import type {PrintableReport} from './printable.ts'

import {renderHeading, renderLegend, renderMachine, renderMethod, renderWarnings} from './about.ts'
import {comparisonHead, comparisonRows, comparisonTitle, renderComparisonNotes} from './comparison.ts'
import {
  Footnotes,
  metricTitle,
  renderFigure,
  renderImprovement,
  renderSide,
  renderTarget,
  SIDES,
  sideTitle,
} from './figure.ts'
import {otherRows, OTHERS_HEAD} from './others.ts'

export function renderMarkdown(report: PrintableReport): string {
  const {environment, suites} = report
  const footnotes = new Footnotes()
  const figures = table(
    ['metric', ...SIDES.map(({title}) => title), 'improvement', 'target', 'met'],
    suites.flatMap(({metrics, name}) =>
      metrics.map((metric) => [
        `${name} ${metricTitle(metric)}`,
        ...SIDES.map(({key}) => renderSide(metric, metric.sides[key], footnotes) ?? ''),
        renderImprovement(metric) ?? '',
        renderTarget(metric) ?? '',
        metric.met === null ? '' : metric.met ? 'yes' : 'no',
      ]),
    ),
  )
  return [
    '# npubridge bench',
    renderHeading(environment).map(escape).join('  \n'),
    figures,
    ...others(report, footnotes),
    ...comparisonOf(report),
    ...[...renderLegend(report, footnotes), ...renderWarnings(report).map((warning) => `Warning: ${warning}.`)].map(
      escape,
    ),
    ...spreads(report),
    '## Machine',
    table(['', ''], renderMachine(environment)),
    '## Method',
    ...renderMethod(report).map(escape),
  ]
    .join('\n\n')
    .concat('\n')
}

function others({suites}: PrintableReport, footnotes: Footnotes): string[] {
  const rows = otherRows(suites, footnotes)
  return rows.length === 0 ? [] : [table(OTHERS_HEAD, rows, 2)]
}

function comparisonOf({comparison}: PrintableReport): string[] {
  if (!comparison) return []
  return [
    `## ${comparisonTitle(comparison)}`,
    table(comparisonHead(comparison), comparisonRows(comparison)),
    ...renderComparisonNotes(comparison).map(escape),
  ]
}

function spreads({suites}: PrintableReport): string[] {
  const rows = suites.flatMap((suite) =>
    suite.distributions.flatMap(({name, sides}) =>
      Object.entries(sides).map(([side, each]) => [
        `${suite.name} ${name}`,
        sideTitle(side),
        ...[each.p50, each.p90, each.p95, each.p99, each.p999, each.max].map((us) => renderFigure(us, null, 'us')),
      ]),
    ),
  )
  const columns = ['single operations', 'side', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max']
  return rows.length === 0 ? [] : ['## Single operations', table(columns, rows, 2)]
}

/** `texts` says how many columns stand to the left. */
function table(titles: readonly string[], rows: ReadonlyArray<readonly string[]>, texts = 1): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => escape(cell)).join(' | ')} |`
  const rule = titles.map((title, index) => (index < texts || title === '' || title === 'met' ? '---' : '---:'))
  return [line(titles), `| ${rule.join(' | ')} |`, ...rows.map((row) => line(row))].join('\n')
}

/** What a figure or a sentence may hold that Markdown would take for its own. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_<>|[\]]/g, String.raw`\$&`)
}
