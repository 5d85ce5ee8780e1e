import {expect} from 'chai'

import {compareMetric, compareWithBaseline} from '../../../src/core/bench/comparison.ts'
import {reportOf} from './report-of.ts'

const around = (center: number, count = 12) =>
  Array.from({length: count}, (_, index) => center * (1 + (index - 5.5) / 200))
const options = {name: 'before', allowed: 0.05, forced: false}

const compare = (
  before: readonly number[],
  now: readonly number[],
  more: {better?: 'higher' | 'lower'; calibration?: readonly [number, number]; unit?: 'bytes' | 'ops/s' | 'us'} = {},
) => {
  const {calibration = [1000, 1000], ...rest} = more
  const [then, current] = calibration
  return compareWithBaseline(
    reportOf({samples: {'s.m': now}, calibrationUs: current, ...rest}),
    reportOf({samples: {'s.m': before}, calibrationUs: then, ...rest}),
    options,
  )
}

describe('a comparison with a baseline', () => {
  it('says nothing of a difference that is not significant', () => {
    const {failed, metrics} = compare(around(100), around(100.2))
    expect(metrics[0]).to.include({metric: 's.m', verdict: 'same', regression: false})
    expect(failed).to.equal(false)
  })

  it('finds a metric that is worse by more than was allowed', () => {
    const {failed, metrics} = compare(around(100), around(90))
    expect(metrics[0]).to.include({verdict: 'worse', regression: true, effect: -1})
    expect(metrics[0]!.change).to.be.closeTo(-0.1, 1e-9)
    expect(metrics[0]!.p).to.be.below(0.001)
    expect(failed).to.equal(true)
  })

  it('lets a metric be worse by what was allowed', () => {
    const {failed, metrics} = compare(around(100), around(96))
    expect(metrics[0]).to.include({verdict: 'worse', regression: false})
    expect(failed).to.equal(false)
  })

  it('knows which way is better', () => {
    expect(compare(around(100), around(120)).metrics[0]).to.include({verdict: 'better', regression: false})
    const slower = compare(around(100), around(120), {better: 'lower', unit: 'us'})
    expect(slower.metrics[0]).to.include({verdict: 'worse', regression: true})
    expect(compare(around(100), around(80), {better: 'lower', unit: 'us'}).metrics[0]).to.include({verdict: 'better'})
  })

  it('takes out that the machine has become slower, where time plays a part', () => {
    const drifted = compare(around(100), around(80), {calibration: [1000, 1250]})
    expect(drifted.drift).to.equal(1.25)
    expect(drifted.metrics[0]).to.include({verdict: 'same', regression: false})
    expect(drifted.metrics[0]!.change).to.be.closeTo(-0.2, 1e-9)
    expect(drifted.metrics[0]!.adjusted_change).to.be.closeTo(0, 1e-9)
    const latency = compare(around(100), around(125), {better: 'lower', unit: 'us', calibration: [1000, 1250]})
    expect(latency.metrics[0]).to.include({verdict: 'same'})
    const memory = compare(around(100), around(125), {better: 'lower', unit: 'bytes', calibration: [1000, 1250]})
    expect(memory.metrics[0]).to.include({verdict: 'worse', regression: true})
  })

  it('does not fail because of another machine, unless it is told to', () => {
    const now = reportOf({samples: {'s.m': around(50)}, cpu: 'Other CPU'})
    const before = reportOf({samples: {'s.m': around(100)}})
    const {differences, failed, metrics} = compareWithBaseline(now, before, options)
    expect(metrics[0]!.regression).to.equal(true)
    expect(failed).to.equal(false)
    expect(differences).to.include('the processor is Other CPU, was Some CPU')
    expect(compareWithBaseline(now, before, {...options, forced: true}).failed).to.equal(true)
  })

  it('does not fail because of a baseline that was interrupted', () => {
    const now = reportOf({samples: {'s.m': around(50)}})
    const before = {...reportOf({samples: {'s.m': around(100)}}), interrupted: true}
    const {differences, failed} = compareWithBaseline(now, before, options)
    expect(failed).to.equal(false)
    expect(differences).to.deep.equal(['the baseline was interrupted, so its figures have fewer samples'])
  })

  it('sees that what was asked for is not the same', () => {
    const now = reportOf({samples: {'s.m': around(100)}})
    const before = reportOf({samples: {'s.m': around(100)}})
    const {settings} = before.environment
    const other = {...settings, concurrency: 4, load: {...settings.load, rate: 5000}}
    const {differences} = compareWithBaseline(
      now,
      {...before, environment: {...before.environment, settings: other}},
      options,
    )
    expect(differences).to.deep.equal([
      'inferences in flight is 16, was 4',
      'the load is 1000/s poisson within 10 ms, was 5000/s poisson within 10 ms',
    ])
  })

  it('never fails when no share was given', () => {
    const [now, before] = [around(50), around(100)].map((values) => reportOf({samples: {'s.m': values}}))
    const {failed, metrics} = compareWithBaseline(now!, before!, {...options, allowed: null})
    expect(metrics[0]).to.include({verdict: 'worse', regression: false})
    expect(failed).to.equal(false)
  })

  it('leaves out metrics that the baseline does not have, and says unknown of sides without figures', () => {
    const now = reportOf({samples: {'s.m': [], 's2.new': around(1)}})
    const {metrics} = compareWithBaseline(now, reportOf({samples: {'s.m': around(100)}}), options)
    expect(metrics.map(({metric, now: value, verdict}) => [metric, value, verdict])).to.deep.equal([
      ['s.m', null, 'unknown'],
    ])
  })

  it('does not say that nothing has changed where so few samples could not tell', () => {
    const {metrics} = compare([100, 101, 102, 103], [50, 51, 52, 53])
    expect(metrics[0]).to.include({verdict: 'unknown', regression: false, effect: -1})
    expect(compare([100, 101, 102, 103, 104], [50, 51, 52, 53, 54]).metrics[0]).to.include({verdict: 'worse'})
  })

  it('has no share of figures that are not above zero', () => {
    const samples = {metric: 's.m', unit: 'bytes/op', better: 'lower', before: [0, 0, 0], now: [5, 5, 5]} as const
    expect(compareMetric(samples, {allowed: 0.05, drift: 1, test: {p: 0, effect: 1, least: 0}})).to.include({
      change: null,
      verdict: 'unknown',
      regression: false,
    })
  })
})
