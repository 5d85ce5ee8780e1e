import {expect} from 'chai'

import type {SuiteReport} from '../../../src/core/bench/report.ts'

import {checkBounds, parseBounds} from '../../../src/core/bench/bounds.ts'
import {metricReport} from '../../../src/core/bench/metric.ts'
import {SUITES} from '../../../src/core/bench/suites/index.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'

const parse = (text: string, kind: 'above' | 'below' = 'below') => parseBounds([text], kind, SUITES)

function refusal(text: string, kind: 'above' | 'below' = 'below'): NpuBridgeError {
  try {
    parse(text, kind)
  } catch (error) {
    if (error instanceof NpuBridgeError) return error
    throw error
  }

  throw new Error(`${text} was taken`)
}

describe('bounds that the user sets', () => {
  it('name a suite, a metric and a value', () => {
    expect(parse('coordination.throughput=50000')).to.deep.equal([
      {suite: 'coordination', metric: 'throughput', kind: 'below', value: 50_000},
    ])
    expect(parse('coordination.latency_p99=1e3', 'above')[0]).to.include({kind: 'above', value: 1000})
  })

  it('suggest what an unknown name was meant to be', () => {
    expect(refusal('coordination.troughput=1').suggestions[0]).to.equal('did you mean "coordination.throughput"?')
    expect(refusal('nonsense=1').suggestions.join(' ')).to.contain('memory.base')
  })

  it('take numbers only', () => {
    for (const value of ['', '=', '=fast', '=NaN']) {
      expect(refusal(`coordination.throughput${value}`).message).to.contain('must be a number')
    }
  })

  it('are on the side where the figure is worse', () => {
    expect(refusal('coordination.latency_p99=1000').suggestions).to.deep.equal([
      '--fail-above coordination.latency_p99=1000',
    ])
    expect(refusal('coordination.throughput=1', 'above').suggestions).to.deep.equal([
      '--fail-below coordination.throughput=1',
    ])
  })

  it('know the metrics of the suites that are run only', () => {
    expect(() => parseBounds(['memory.base=1'], 'above', SUITES.slice(0, 1))).to.throw(NpuBridgeError)
  })
})

describe('holding figures against bounds', () => {
  const suite = (value: number | undefined): SuiteReport => ({
    name: 's',
    notes: [],
    distributions: [],
    series: [],
    metrics: [
      metricReport(
        {name: 'm', title: 'm', unit: 'ops/s', better: 'higher'},
        {
          accelerated:
            value === undefined
              ? {absent: {status: 'failed', reason: 'no'}}
              : {samples: {m: [value]}, stretches: {}, distributions: {}, series: {}, lacks: {}},
        },
      ),
    ],
  })
  const check = (value: number | undefined, kind: 'above' | 'below') =>
    checkBounds([{suite: 's', metric: 'm', kind, value: 10}], [suite(value)])[0]

  it('keeps a bound that is just reached', () => {
    expect(check(10, 'below')).to.deep.equal({metric: 's.m', kind: 'below', bound: 10, value: 10, met: true})
    expect(check(10, 'above')).to.include({met: true})
  })

  it('breaks it beyond', () => {
    expect(check(9.9, 'below')).to.include({met: false})
    expect(check(10.1, 'above')).to.include({met: false})
  })

  it('breaks it where there is no figure', () => {
    expect(check(undefined, 'below')).to.include({met: false, value: null})
  })
})
