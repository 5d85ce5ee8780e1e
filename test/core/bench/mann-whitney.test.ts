import {expect} from 'chai'
import fc from 'fast-check'

import {mannWhitney, signedRank} from '../../../src/core/bench/mann-whitney.ts'
import {seededRandom} from '../../../src/core/bench/random.ts'

const samples = fc.array(fc.integer({min: -50, max: 50}), {minLength: 1, maxLength: 30})

describe('the Mann–Whitney test', () => {
  it('gives the exact probability of small sets without ties', () => {
    // U is 17 of 20: 7 of the 126 orders of five and four are as far out on one side.
    const {effect, p} = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12])!
    expect(p).to.be.closeTo(14 / 126, 1e-12)
    expect(effect).to.be.closeTo((2 * 17) / 20 - 1, 1e-12)
    expect(mannWhitney([1.1, 2.2, 3.3, 4.4], [0.5, 1.5, 2.5])!.p).to.be.closeTo(14 / 35, 1e-12)
  })

  it('finds sets that do not overlap as different as their sizes allow', () => {
    const {effect, p} = mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])!
    expect(effect).to.equal(-1)
    expect(p).to.be.closeTo(2 / 252, 1e-12)
  })

  it('finds nothing in equal sets', () => {
    expect(mannWhitney([5, 5, 5], [5, 5, 5])).to.include({effect: 0, p: 1})
    expect(mannWhitney([1, 2, 3, 4], [1, 2, 3, 4])).to.include({effect: 0, p: 1})
  })

  it('cannot be made without samples', () => {
    expect(mannWhitney([], [1])).to.equal(null)
    expect(mannWhitney([1], [])).to.equal(null)
  })

  it('does not care which set comes first, nor in which order samples stand', () => {
    fc.assert(
      fc.property(samples, samples, (first, second) => {
        const there = mannWhitney(first, second)!
        const back = mannWhitney(second, first.toReversed())!
        expect(there.p).to.be.within(0, 1)
        expect(back.p).to.be.closeTo(there.p, 1e-9)
        expect(back.effect).to.be.closeTo(-there.effect, 1e-9)
        expect(Math.abs(there.effect)).to.be.at.most(1)
      }),
      {numRuns: 200},
    )
  })

  for (const [size, kind] of [
    [12, 'exact'],
    [40, 'approximate'],
  ] as const) {
    it(`finds a difference where there is none in as few runs as it says (${kind})`, () => {
      const random = seededRandom(size)
      const draw = () => Array.from({length: size}, () => random())
      const found = Array.from({length: 2000}, () => mannWhitney(draw(), draw())!.p).filter((p) => p < 0.05)
      expect(found.length / 2000).to.be.within(0.03, 0.065)
    })
  }

  it('finds a shift of one standard deviation in most runs of twenty samples', () => {
    const random = seededRandom(9)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const draw = (shift: number) => Array.from({length: 20}, () => normal() + shift)
    const found = Array.from({length: 300}, () => mannWhitney(draw(0), draw(1))!.p).filter((p) => p < 0.05)
    expect(found.length / 300).to.be.above(0.75)
  })
})

describe('the signed-rank test', () => {
  it('gives the exact probability of pairs without ties', () => {
    // An example that is older than computers: heights of plants, self-fertilized and crossed (Darwin).
    const differences = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
    const {effect, p} = signedRank(differences)!
    expect(p).to.be.closeTo(0.041259765625, 1e-12)
    expect(effect).to.be.closeTo((2 * 96) / 120 - 1, 1e-12)
  })

  it('finds ten pairs that agree significant', () => {
    const {effect, p} = signedRank([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])!
    expect(effect).to.equal(1)
    expect(p).to.be.closeTo(2 / 1024, 1e-12)
  })

  it('leaves out pairs that do not differ, and has nothing to say when all are such', () => {
    expect(signedRank([0, 0])).to.equal(null)
    expect(signedRank([0, 1, -2])).to.deep.equal(signedRank([1, -2]))
  })

  it('finds a difference where there is none in as few runs as it says', () => {
    const random = seededRandom(21)
    const draw = () => Array.from({length: 15}, () => random() - 0.5)
    const found = Array.from({length: 2000}, () => signedRank(draw())!.p).filter((p) => p < 0.05)
    expect(found.length / 2000).to.be.within(0.03, 0.065)
  })

  it('does not care about the sign', () => {
    fc.assert(
      fc.property(samples, (differences) => {
        const there = signedRank(differences)
        const back = signedRank(differences.map((difference) => -difference))
        expect(back === null).to.equal(there === null)
        if (there === null || back === null) return
        expect(back.p).to.be.closeTo(there.p, 1e-9)
        expect(back.effect).to.be.closeTo(-there.effect, 1e-9)
      }),
    )
  })
})
