import {expect} from 'chai'

import {renderJunit} from '../../../src/ui/bench/junit.ts'
import {COMPARISON, REPORT} from './report.ts'

describe('renderJunit', () => {
  it('has a test for each metric, failed where a bound is broken', () => {
    const xml = renderJunit(REPORT)
    expect(xml).to.match(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="npubridge bench">/)
    expect(xml).to.contain('<testsuite name="coordination" tests="1" failures="1" skipped="0"')
    expect(xml).to.contain(
      '<failure message="coordination.throughput is 49999, at least 50000 was asked for">coordination.throughput is 49999, at least 50000 was asked for</failure>',
    )
    expect(xml).to.contain(
      '<testcase classname="npubridge.bench.inference" name="latency_p99"><properties><property name="us" value="1530"/></properties></testcase>',
    )
  })

  it('fails for a regression only where the comparison does', () => {
    const checks = REPORT.checks.map((check) => ({...check, met: true}))
    expect(renderJunit({...REPORT, checks, comparison: COMPARISON})).to.contain('failures="0"')
    const failing = renderJunit({...REPORT, checks, comparison: {...COMPARISON, failed: true}})
    expect(failing).to.contain('coordination.throughput changed by −6.0\u{A0}% against before')
  })

  it('skips what could not be measured, with the reason', () => {
    const [suite] = REPORT.suites
    const [metric] = suite!.metrics
    const side = {...metric!.sides.legacy_as_shipped!, median: null, reason: 'a < b\u{7}'}
    const report = {...REPORT, checks: [], suites: [{...suite!, metrics: [{...metric!, sides: {accelerated: side}}]}]}
    expect(renderJunit(report)).to.contain('<skipped message="a &lt; b "/>')
  })
})
