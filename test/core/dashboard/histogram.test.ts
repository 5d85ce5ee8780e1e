import {expect} from 'chai'
import fc from 'fast-check'

import {LatencyHistogram} from '../../../src/core/dashboard/histogram.ts'

describe('a histogram of latencies', () => {
  it('gives quantiles within 1.6 % of those of the values themselves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({min: 1, max: 2 ** 31 - 1}), {minLength: 1, maxLength: 200}), (values) => {
        const histogram = new LatencyHistogram()
        for (const value of values) histogram.record(value)
        const sorted = values.toSorted((a, b) => a - b)
        for (const share of [0.5, 0.95, 0.99, 1]) {
          const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
          expect(Math.abs(histogram.quantile(share)! - exact)).to.be.at.most(Math.max(0.5, exact * 0.016))
        }
      }),
    )
  })

  it('has no quantiles before the first value', () => {
    expect(new LatencyHistogram().figures).to.deep.equal({count: 0, p50: null, p95: null, p99: null})
  })

  it('adds up and forgets', () => {
    const [a, b] = [new LatencyHistogram(), new LatencyHistogram()]
    a.record(10)
    b.record(1000)
    b.record(NaN)
    b.record(Infinity)
    a.add(b)
    expect(a.count).to.equal(4)
    a.clear()
    expect(a.figures.p50).to.equal(null)
  })
})
