import {expect} from 'chai'
import fc from 'fast-check'

import {seededRandom} from '../../../src/core/bench/random.ts'
import {medianInterval, quotientInterval, summarize} from '../../../src/core/bench/statistics.ts'

const samples = fc.array(fc.double({min: -1e9, max: 1e9, noNaN: true}), {minLength: 1, maxLength: 60})

describe('statistics of samples', () => {
  it('are those of known numbers', () => {
    expect(summarize([3, 1, 2])).to.include({median: 2, p50: 2, samples: 3})
    expect(summarize([4, 1, 3, 2])).to.include({median: 2.5, p50: 2.5})
    expect(summarize(Array.from({length: 1000}, (_, index) => 1000 - index))).to.include({median: 500.5})
    // Between two samples, in proportion: the 990th and a hundredth of the way to the 991st.
    expect(summarize(Array.from({length: 1000}, (_, index) => index + 1)).p99).to.be.closeTo(990.01, 1e-9)
  })

  it('give an interval only where there is something to resample', () => {
    expect(summarize([1]).ci95).to.equal(null)
    expect(summarize([1, 2]).ci95).to.equal(null)
    expect(summarize([1, 2, 3]).ci95).to.deep.equal([1, 3])
    expect(summarize([5, 5, 5, 5]).ci95).to.deep.equal([5, 5])
  })

  it('cannot be had of nothing', () => {
    expect(() => summarize([])).to.throw(Error)
  })

  it('lie within the samples, and the interval around the median', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const {ci95, median, p50, p99, samples: count} = summarize(values)
        const [least, most] = [Math.min(...values), Math.max(...values)]
        expect(count).to.equal(values.length)
        expect(p50).to.equal(median)
        for (const each of [median, p99, ...(ci95 ?? [])]) expect(each).to.be.within(least, most)
        expect(p99).to.be.at.least(median)
        if (ci95) expect(median).to.be.within(...ci95)
      }),
      {numRuns: 60},
    )
  })

  it('do not depend on the order of the samples, except for the resampling', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const {ci95: _, ...forwards} = summarize(values)
        const {ci95: __, ...backwards} = summarize(values.toReversed())
        expect(backwards).to.deep.equal(forwards)
      }),
      {numRuns: 30},
    )
  })

  it('scale with the samples', () => {
    const values = [9, 2, 7, 4, 4, 8]
    const scaled = summarize(values.map((value) => value * 1024))
    expect(scaled.ci95).to.deep.equal(summarize(values).ci95!.map((bound) => bound * 1024))
  })
})

describe('the interval of a median', () => {
  it('is the same for the same samples', () => {
    const values = [5, 3, 9, 1, 7, 7, 2]
    expect(medianInterval(values)).to.deep.equal(medianInterval(values))
  })

  it('covers the true median of a known distribution about 19 times of 20', () => {
    const random = seededRandom(7)
    const runs = 400
    let covered = 0
    for (let run = 0; run < runs; run++) {
      const values = Array.from({length: 25}, () => random())
      const [low, high] = medianInterval(values)!
      if (low <= 0.5 && high >= 0.5) covered++
    }

    expect(covered / runs).to.be.within(0.91, 0.99)
  })

  it('narrows with more samples', () => {
    const random = seededRandom(3)
    const widthOf = (count: number) => {
      const [low, high] = medianInterval(Array.from({length: count}, () => random()))!
      return high - low
    }

    expect(widthOf(400)).to.be.below(widthOf(25))
  })
})

describe('the interval of a quotient', () => {
  it('contains the quotient of samples that do not vary', () => {
    expect(quotientInterval([10, 10, 10], [2, 2, 2])).to.deep.equal([5, 5])
  })

  it('reflects the spread of both sides', () => {
    const [low, high] = quotientInterval([9, 10, 11, 10, 9, 11], [1.9, 2, 2.1, 2, 1.9, 2.1])!
    expect(low).to.be.within(9 / 2.1, 5)
    expect(high).to.be.within(5, 11 / 1.9)
  })

  it('is unknown with too few samples or a denominator that may be zero', () => {
    expect(quotientInterval([1, 2], [1, 2, 3])).to.equal(null)
    expect(quotientInterval([1, 2, 3], [0, 0, 0])).to.equal(null)
  })
})
