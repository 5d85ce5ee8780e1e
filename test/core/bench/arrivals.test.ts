import {expect} from 'chai'

import {arrivalTimesUs} from '../../../src/core/bench/arrivals.ts'
import {seededRandom} from '../../../src/core/bench/random.ts'

describe('the arrivals of a load', () => {
  it('are evenly spaced when they are constant', () => {
    const times = arrivalTimesUs({arrivals: 'constant', durationMs: 5, rate: 1000}, seededRandom(1))
    expect(times).to.deep.equal([0, 1000, 2000, 3000, 4000])
  })

  it('of a Poisson process have gaps with the given mean, and as large a deviation', () => {
    const times = arrivalTimesUs({arrivals: 'poisson', durationMs: 20_000, rate: 1000}, seededRandom(1))
    const gaps = times.slice(1).map((time, index) => time - times[index]!)
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(mean).to.be.closeTo(1000, 30)
    expect(deviation).to.be.closeTo(1000, 50)
  })

  it('are the same for each side that is given the same seed', () => {
    const load = {arrivals: 'poisson', durationMs: 50, rate: 500} as const
    expect(arrivalTimesUs(load, seededRandom(7))).to.deep.equal(arrivalTimesUs(load, seededRandom(7)))
  })

  it('are never none', () => {
    expect(arrivalTimesUs({arrivals: 'poisson', durationMs: 1, rate: 1}, seededRandom(3))).to.have.lengthOf(1)
  })
})
