/** A benchmark as one self-contained page: no scripts, no fetches, light and dark by what the reader prefers. */
import type {PrintableMetric, PrintableReport, PrintableSuite} from './printable.ts'

import {renderCheck, renderHeading, renderLegend, renderMachine, renderMethod, renderWarnings} from './about.ts'
import {type Bar, escapeHtml, type Line, renderBars, renderLineChart} from './chart.ts'
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
import {linearScale, logScale, percentileScale} from './scale.ts'
import {STYLE} from './style.ts'

export function renderHtml(report: PrintableReport): string {
  const {checks, environment, suites} = report
  const footnotes = new Footnotes()
  const figures = renderFigures(suites, footnotes)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>npubridge bench, ${escapeHtml(environment.started_at.slice(0, 10))}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>npubridge bench</h1>
${paragraphs(renderHeading(environment))}
</header>
<main>
${renderWarnings(report)
  .map((warning) => `<p class="warning">${escapeHtml(warning)}</p>`)
  .join('\n')}
${figures}
${renderOthers(suites, footnotes)}
${renderCompared(report)}
<section class="legend-text">${paragraphs([...renderLegend(report, footnotes), ...checks.map(renderCheck)])}</section>
<section class="charts">
${[renderImprovements(suites), ...suites.flatMap(renderCharts)].filter(Boolean).join('\n')}
</section>
${renderSpreads(suites)}
<section><h2>Machine</h2><table class="facts">${renderMachine(environment)
    .map(([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`)
    .join('')}</table></section>
<section><h2>Method</h2>${paragraphs(renderMethod(report))}</section>
</main>
</body>
</html>
`
}

function paragraphs(lines: readonly string[]): string {
  return lines.map((line) => `<p>${escapeHtml(line)}</p>`).join('\n')
}

function renderFigures(suites: readonly PrintableSuite[], footnotes: Footnotes): string {
  const head = ['metric', ...SIDES.map(({title}) => title), 'improvement', 'target', 'met']
  const rows = suites.flatMap(({metrics, name}) =>
    metrics.map((metric) => {
      const met = metric.met === null ? '' : metric.met ? '✔ yes' : '✖ no'
      const cells = [
        ...SIDES.map(({key}) => renderSide(metric, metric.sides[key], footnotes) ?? ''),
        renderImprovement(metric) ?? '',
        renderTarget(metric) ?? '',
      ]
      return `<tr><th scope="row">${escapeHtml(`${name} ${metricTitle(metric)}`)}</th>${cells
        .map((cell) => `<td>${escapeHtml(cell)}</td>`)
        .join('')}<td class="met${metric.met === false ? ' no' : ''}">${met}</td></tr>`
    }),
  )
  return renderTable(head, rows)
}

function renderOthers(suites: readonly PrintableSuite[], footnotes: Footnotes): string {
  const rows = otherRows(suites, footnotes)
  return rows.length === 0 ? '' : renderTable(OTHERS_HEAD, rows.map(renderRow))
}

function renderCompared({comparison}: PrintableReport): string {
  if (!comparison) return ''
  const rows = comparisonRows(comparison).map(renderRow)
  return `<section><h2>${escapeHtml(comparisonTitle(comparison))}</h2>${renderTable(comparisonHead(comparison), rows)}
<div class="legend-text">${paragraphs(renderComparisonNotes(comparison))}</div></section>`
}

function renderRow([head, ...cells]: readonly string[]): string {
  const rest = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`)
  return `<tr><th scope="row">${escapeHtml(head!)}</th>${rest.join('')}</tr>`
}

function renderTable(head: readonly string[], rows: readonly string[]): string {
  const titles = head.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join('')
  return `<div class="scroll"><table><thead><tr>${titles}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`
}

function renderImprovements(suites: readonly PrintableSuite[]): string {
  const bars: Bar[] = suites.flatMap(({metrics, name}) =>
    metrics.flatMap((metric) =>
      metric.ratio === null
        ? []
        : {
            label: `${name} ${metric.title}`,
            value: metric.ratio,
            text: renderImprovement(metric)!,
            target: metric.target_kind === 'ratio' ? metric.target : null,
          },
    ),
  )
  if (bars.length === 0) return ''
  const scale = logScale([1, ...bars.flatMap(({target, value}) => [value, target ?? value])])
  const title = 'Improvement over the legacy module without its sleep; a mark is the target'
  return renderBars(title, bars, scale, (value) => `${value} ×`)
}

/** What of a suite is worth a picture: metrics along an axis, latencies by percentile, series. */
function renderCharts(suite: PrintableSuite): string[] {
  return [
    ...axesOf(suite.metrics).map((metrics) => renderPoints(suite.name, metrics)),
    ...suite.distributions.map(({name, sides}) => {
      const lines = Object.entries(sides).map(([side, {curve}]) => ({side, points: curve}))
      const y = {title: '', scale: logScale(valuesOf(lines)), label: (us: number) => renderFigure(us, null, 'us')}
      const x = {title: 'percentile', scale: percentileScale(), label: (percentile: number) => `${percentile} %`}
      const within = lines.map(({points, side}) => ({side, points: points.filter(([p]) => p <= 99.99)}))
      return renderLineChart({title: `${suite.name}: ${name} by percentile`, x, y, lines: within, marked: false})
    }),
    ...suite.series.map(({name, sides, unit, x: xTitle}) => {
      const lines = Object.entries(sides).map(([side, points]) => ({side, points}))
      const places = lines.flatMap(({points}) => points.map(([x]) => x))
      return renderLineChart({
        title: `${suite.name}: ${name}`,
        x: {title: xTitle, scale: linearScale(places), label: (value) => renderFigure(value, null, 'count')},
        y: {title: '', scale: linearScale(valuesOf(lines)), label: (value) => renderFigure(value, null, unit)},
        lines,
        marked: false,
      })
    }),
  ]
}

/** Metrics that lie on the same axis; one alone makes no line. */
function axesOf(metrics: readonly PrintableMetric[]): PrintableMetric[][] {
  const groups = Map.groupBy(
    metrics.filter(({point}) => point !== null),
    ({point}) => point!.axis,
  )
  return [...groups.values()].filter((group) => group.length > 1)
}

function renderPoints(suite: string, metrics: readonly PrintableMetric[]): string {
  const [first] = metrics
  const {axis} = first!.point!
  const sides = Object.keys(first!.sides)
  const lines = sides
    .map((side) => ({
      side,
      points: metrics
        .flatMap((metric) => {
          const median = metric.sides[side]?.median ?? 0
          return median > 0 ? [[metric.point!.x, median] as const] : []
        })
        .toSorted(([a], [b]) => a - b),
    }))
    .filter(({points}) => points.length > 0)
  if (lines.every(({points}) => points.length === 1)) return ''
  const places = metrics.map(({point}) => point!.x)
  return renderLineChart({
    title: `${suite}: ${first!.unit} by ${axis}`,
    x: {title: axis, scale: logScale(places), label: (value) => renderFigure(value, null, 'count')},
    y: {title: '', scale: logScale(valuesOf(lines)), label: (value) => renderFigure(value, null, first!.unit)},
    lines,
    marked: true,
  })
}

function valuesOf(lines: readonly Line[]): number[] {
  return lines.flatMap(({points}) => points.map(([, value]) => value))
}

function renderSpreads(suites: readonly PrintableSuite[]): string {
  const rows = suites.flatMap((suite) =>
    suite.distributions.flatMap(({name, sides}) =>
      Object.entries(sides).map(([side, each]) => {
        const times = [each.p50, each.p90, each.p95, each.p99, each.p999, each.max]
        const cells = [String(each.count), ...times.map((us) => renderFigure(us, null, 'us'))]
        return `<tr><th scope="row">${escapeHtml(`${suite.name} ${name}, ${sideTitle(side)}`)}</th>${cells
          .map((cell) => `<td>${escapeHtml(cell)}</td>`)
          .join('')}</tr>`
      }),
    ),
  )
  if (rows.length === 0) return ''
  const head = ['single operations', 'count', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max']
  return `<section><h2>Single operations</h2>${renderTable(head, rows)}</section>`
}
