import {expect} from 'chai'
import fc from 'fast-check'

import {linearScale, logScale, percentileScale} from '../../../src/ui/bench/scale.ts'

describe('a linear scale', () => {
  it('begins at zero and ends at a round number', () => {
    expect(linearScale([3, 87]).ticks).to.deep.equal([0, 50, 100])
    expect(linearScale([0]).ticks[0]).to.equal(0)
    expect(linearScale([-5, 20]).ticks[0]).to.be.at.most(-5)
  })

  it('has all values between its ends', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({min: -1e9, max: 1e12}), {minLength: 1}), (values) => {
        const {at, ticks} = linearScale(values)
        for (const value of values) expect(at(value)).to.be.within(-1e-9, 1 + 1e-9)
        expect(ticks.length).to.be.within(2, 8)
        expect(at(ticks[0]!)).to.be.closeTo(0, 1e-9)
        expect(at(ticks.at(-1)!)).to.be.closeTo(1, 1e-9)
      }),
    )
  })
})

describe('a logarithmic scale', () => {
  it('has powers of ten', () => {
    expect(logScale([2, 900]).ticks).to.deep.equal([1, 10, 100, 1000])
    expect(logScale([10]).ticks).to.deep.equal([10, 100])
    expect(logScale([1, 1e12]).ticks.length).to.be.at.most(8)
  })

  it('has all values between its ends', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: 1e-6, max: 1e12, noNaN: true}), {minLength: 1}), (values) => {
        const {at} = logScale(values)
        for (const value of values) expect(at(value)).to.be.within(-1e-6, 1 + 1e-6)
      }),
    )
  })
})

describe('a scale of percentiles', () => {
  it('gives each nine the same room', () => {
    const {at} = percentileScale()
    expect(at(0)).to.equal(0)
    expect(at(90)).to.be.closeTo(0.25, 1e-6)
    expect(at(99)).to.be.closeTo(0.5, 1e-6)
    expect(at(99.99)).to.equal(1)
    expect(at(100)).to.equal(1)
  })
})
