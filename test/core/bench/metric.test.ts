import {expect} from 'chai'

import type {Outcome} from '../../../src/core/bench/measure.ts'
import type {MetricDefinition} from '../../../src/core/bench/suites/suite.ts'

import {LatencyHistogram} from '../../../src/core/bench/distribution.ts'
import {distributionReports, metricReport} from '../../../src/core/bench/metric.ts'

const speed: MetricDefinition = {name: 'speed', title: 'speed', unit: 'ops/s', better: 'higher'}
const size: MetricDefinition = {name: 'size', title: 'size', unit: 'bytes', better: 'lower'}

const samplesOf = (metric: string, ...values: number[]): Outcome => ({
  samples: {[metric]: values},
  stretches: {},
  distributions: {},
  series: {},
  lacks: {},
})
const failed: Outcome = {absent: {status: 'failed', reason: 'it exploded'}}

describe('the report of a metric', () => {
  it('compares with the side that does not sleep', () => {
    const report = metricReport(speed, {
      legacy_as_shipped: samplesOf('speed', 1, 1, 1),
      legacy_without_sleep: samplesOf('speed', 10, 11, 9),
      accelerated: samplesOf('speed', 100, 90, 110),
    })
    expect(report.ratio).to.equal(10)
    expect(report.ratio_ci95![0]).to.be.at.most(10)
    expect(report.sides.accelerated).to.include({status: 'measured', median: 100, samples: 3})
    expect(report).to.include({target: null, target_kind: null, met: null})
  })

  it('says how many times less is needed where lower is better', () => {
    const report = metricReport(size, {
      legacy_without_sleep: samplesOf('size', 60),
      accelerated: samplesOf('size', 20),
    })
    expect(report.ratio).to.equal(3)
    expect(report.ratio_ci95).to.equal(null)
  })

  it('tells why a side has no figure, and then compares nothing', () => {
    const target = {kind: 'ratio', bound: 2} as const
    const report = metricReport({...speed, target}, {legacy_without_sleep: failed, accelerated: samplesOf('speed', 5)})
    expect(report.sides.legacy_without_sleep).to.deep.equal({
      status: 'failed',
      reason: 'it exploded',
      median: null,
      p50: null,
      p99: null,
      ci95: null,
      samples: 0,
    })
    expect(report).to.include({ratio: null, ratio_ci95: null, target: 2, target_kind: 'ratio', met: null})
  })

  it('meets a target for the value from its bound on', () => {
    const met = (metric: MetricDefinition, value: number, bound: number) =>
      metricReport(
        {...metric, target: {kind: 'value', bound}},
        {legacy_without_sleep: failed, accelerated: samplesOf(metric.name, value)},
      ).met
    expect(met(speed, 50_000, 50_000)).to.equal(true)
    expect(met(speed, 49_999, 50_000)).to.equal(false)
    expect(met(size, 999, 1000)).to.equal(true)
    expect(met(size, 1000, 1000)).to.equal(false)
  })

  it('meets a target for the improvement without dividing by nothing', () => {
    const met = (legacy: number, accelerated: number) =>
      metricReport(
        {...size, target: {kind: 'ratio', bound: 2}},
        {legacy_without_sleep: samplesOf('size', legacy), accelerated: samplesOf('size', accelerated)},
      )
    expect(met(10, 5)).to.include({met: true, ratio: 2})
    expect(met(9, 5)).to.include({met: false})
    expect(met(10, 0)).to.include({met: true, ratio: null})
    expect(met(10, -3)).to.include({met: true, ratio: null})
  })

  it('says why one metric of a side has no samples while others have', () => {
    const lacks = {speed: {status: 'not_run', reason: 'too slow'}} as const
    const {sides} = metricReport(speed, {
      accelerated: {samples: {size: [1]}, stretches: {}, distributions: {}, series: {}, lacks},
    })
    expect(sides.accelerated).to.include({status: 'not_run', reason: 'too slow', samples: 0})
  })
})

describe('the reports of distributions', () => {
  it('have the sides that timed the same thing beside each other', () => {
    const {distribution} = histogramOf(10)
    const measured = (...names: string[]): Outcome => ({
      samples: {},
      stretches: {},
      distributions: Object.fromEntries(names.map((name) => [name, distribution!])),
      series: {},
      lacks: {},
    })
    const reports = distributionReports({a: measured('latency'), b: measured('latency', 'queue'), c: failed})
    expect(reports.map(({name, sides}) => [name, Object.keys(sides)])).to.deep.equal([
      ['latency', ['a', 'b']],
      ['queue', ['b']],
    ])
  })
})

function histogramOf(...latencies: number[]): LatencyHistogram {
  const histogram = new LatencyHistogram()
  histogram.add(latencies)
  return histogram
}
