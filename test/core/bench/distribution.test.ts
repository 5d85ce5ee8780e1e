import {expect} from 'chai'
import fc from 'fast-check'

import {LatencyHistogram} from '../../../src/core/bench/distribution.ts'

function distributionOf(latencies: readonly number[]) {
  const histogram = new LatencyHistogram()
  histogram.add(latencies)
  return histogram.distribution!
}

describe('a histogram of latencies', () => {
  it('is nothing before something was added', () => {
    expect(new LatencyHistogram().distribution).to.equal(null)
  })

  it('knows its percentiles to three digits', () => {
    const distribution = distributionOf(Array.from({length: 100_000}, (_, index) => (index + 1) / 10))
    expect(distribution).to.include({count: 100_000, min: 0.1})
    for (const [key, value] of [
      ['p50', 5000],
      ['p90', 9000],
      ['p95', 9500],
      ['p99', 9900],
      ['p999', 9990],
      ['max', 10_000],
    ] as const) {
      expect(distribution[key]).to.be.closeTo(value, value * 0.002)
    }

    expect(distribution.mean).to.be.closeTo(5000, 10)
  })

  it('counts every operation in one bucket, the buckets rising', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: 0, max: 1e7, noNaN: true}), {minLength: 1, maxLength: 200}), (latencies) => {
        const {buckets, count, curve, max, min} = distributionOf(latencies)
        expect(buckets.reduce((sum, [, each]) => sum + each, 0)).to.equal(count)
        for (const [index, [start]] of buckets.entries()) expect(start).to.be.above(buckets[index - 1]?.[0] ?? 0)
        for (const [, time] of curve) expect(time).to.be.within(min * 0.999, max * 1.001)
        expect(curve.map(([, time]) => time)).to.deep.equal(curve.map(([, time]) => time).toSorted((a, b) => a - b))
      }),
      {numRuns: 30},
    )
  })

  it('takes what took no time, and what took hours', () => {
    const {max, min} = distributionOf([0, 1e12])
    expect(min).to.equal(0.001)
    expect(max).to.be.closeTo(3.6e9, 1e7)
  })
})
