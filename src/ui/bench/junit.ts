/** A benchmark as JUnit XML: a test for each metric, failed where a bound is broken or it is a regression. */
import type {PrintableMetric, PrintableReport} from './printable.ts'

import {renderCheck} from './about.ts'
import {escapeHtml} from './chart.ts'
import {renderChange} from './comparison.ts'

export function renderJunit(report: PrintableReport): string {
  const suites = report.suites.map(({metrics, name}) => {
    const tests = metrics.map((metric) => renderTest(report, name, metric))
    const failures = tests.filter((test) => test.includes('<failure')).length
    const skipped = tests.filter((test) => test.includes('<skipped')).length
    return `  <testsuite name="${attribute(name)}" tests="${tests.length}" failures="${failures}" skipped="${skipped}" timestamp="${attribute(report.environment.started_at)}">\n${tests.join('\n')}\n  </testsuite>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="npubridge bench">\n${suites.join('\n')}\n</testsuites>\n`
}

function renderTest(report: PrintableReport, suite: string, metric: PrintableMetric): string {
  const side = metric.sides.accelerated
  const problems = problemsOf(report, `${suite}.${metric.name}`)
  const head = `    <testcase classname="npubridge.bench.${attribute(suite)}" name="${attribute(metric.name)}"`
  const value = side?.median ?? null
  const properties =
    value === null ? '' : `<properties><property name="${attribute(metric.unit)}" value="${value}"/></properties>`
  if (problems.length > 0) {
    return `${head}>${properties}<failure message="${attribute(problems[0]!)}">${attribute(problems.join('\n'))}</failure></testcase>`
  }

  if (value === null) return `${head}><skipped message="${attribute(side?.reason ?? 'not measured')}"/></testcase>`
  return `${head}>${properties}</testcase>`
}

function problemsOf({checks, comparison}: PrintableReport, name: string): string[] {
  const broken = checks.filter(({met, metric}) => metric === name && !met).map(renderCheck)
  const change = comparison?.failed ? comparison.metrics.find(({metric}) => metric === name) : undefined
  if (!change?.regression) return broken
  return [...broken, `${name} changed by ${renderChange(change.adjusted_change ?? 0)} against ${comparison!.name}`]
}

/** XML 1.0 has no form for most control characters. */
function attribute(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the ones
  return escapeHtml(text.replaceAll(/[\u{0}-\u{8}\u{B}\u{C}\u{E}-\u{1F}]/gu, ' '))
}
