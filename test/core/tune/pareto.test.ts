import {expect} from 'chai'
import fc from 'fast-check'

import {paretoFront} from '../../../src/core/tune/pareto.ts'

const point = fc.record({p50Us: fc.integer({min: 1, max: 50}), throughput: fc.integer({min: 1, max: 50})})

describe('paretoFront', () => {
  it('has what nothing beats in both', () => {
    const [a, b, c] = [
      {p50Us: 1, throughput: 10},
      {p50Us: 2, throughput: 20},
      {p50Us: 3, throughput: 15},
    ] as const
    expect(paretoFront([c, b, a])).to.deep.equal([a, b])
  })

  it('beats or equals every point that is not on it', () => {
    fc.assert(
      fc.property(fc.array(point, {minLength: 1}), (points) => {
        const front = paretoFront(points)
        expect(front).to.not.be.empty
        for (const {p50Us, throughput} of points) {
          expect(front.some((each) => each.p50Us <= p50Us && each.throughput >= throughput)).to.equal(true)
        }

        for (const mine of front) {
          const better = front.filter((each) => each.p50Us <= mine.p50Us && each.throughput >= mine.throughput)
          expect(better).to.deep.equal([mine])
        }
      }),
    )
  })
})
