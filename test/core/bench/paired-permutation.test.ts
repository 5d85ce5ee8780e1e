import {expect} from 'chai'
import fc from 'fast-check'

import {pairedPermutation} from '../../../src/core/bench/paired-permutation.ts'
import {type Random, seededRandom} from '../../../src/core/bench/random.ts'

type Pairs = Array<readonly [number, number]>

/** About normal, around zero, with a deviation of one. */
function noise(random: Random): number {
  return Array.from({length: 12}, random).reduce((sum, value) => sum + value, -6)
}

function drawPairs(count: number, random: Random, draw: (random: Random) => readonly [number, number]): Pairs {
  return Array.from({length: count}, () => draw(random))
}

describe('the paired permutation test', () => {
  it('finds sides that do not overlap as different as so many pairs allow', () => {
    const pairs = drawPairs(12, seededRandom(1), (random) => [noise(random), 100 + noise(random)])
    const {difference, effect, least, p} = pairedPermutation(pairs, 'higher', seededRandom(2))
    expect(difference).to.be.closeTo(100, 2)
    expect(effect).to.equal(1)
    expect(least).to.equal(2 ** -11)
    expect(p).to.be.below(0.002)
  })

  it('finds nothing in equal sides', () => {
    const pairs = [3, 1, 2].map((value) => [value, value] as const)
    expect(pairedPermutation(pairs, 'lower', seededRandom(1))).to.include({difference: 0, effect: 0, p: 1})
  })

  it('compares the better halves only, whichever end that is', () => {
    const pairs: Pairs = [
      [10, 8],
      [1, 2],
      [10, 8],
      [1, 2],
    ]
    expect(pairedPermutation(pairs, 'higher', seededRandom(1)).difference).to.equal(-2)
    expect(pairedPermutation(pairs, 'lower', seededRandom(1)).difference).to.equal(1)
  })

  it('finds a small change beside pairs of which one half was disturbed by far more', () => {
    const random = seededRandom(7)
    const disturbed = () => (random() < 0.3 ? -10 - 5 * random() : 0)
    const found = Array.from({length: 100}, () => {
      const pairs = drawPairs(20, random, () => [noise(random) + disturbed(), noise(random) - 3 + disturbed()])
      return pairedPermutation(pairs, 'higher', random)
    })
    expect(found.filter(({difference, p}) => p < 0.01 && difference < 0)).to.have.length.above(85)
  }).timeout(30_000)

  it('finds a difference where there is none in as few runs as it says', () => {
    const random = seededRandom(3)
    const times = 300
    const found = Array.from({length: times}, () => {
      const pairs = drawPairs(12, random, () => [noise(random), noise(random)])
      return pairedPermutation(pairs, 'higher', random).p
    })
    // Three standard deviations of what chance gives around 5 %.
    expect(found.filter((p) => p < 0.05).length / times).to.be.within(0.012, 0.088)
  }).timeout(60_000)

  it('gives the opposite for sides that are exchanged', () => {
    const pair = fc.tuple(fc.integer({min: -50, max: 50}), fc.integer({min: -50, max: 50}))
    fc.assert(
      fc.property(fc.array(pair, {minLength: 1, maxLength: 12}), (pairs) => {
        const there = pairedPermutation(pairs, 'lower', seededRandom(1))
        const back = pairedPermutation(
          pairs.map(([before, now]) => [now, before] as const),
          'lower',
          seededRandom(1),
        )
        expect(back.difference).to.be.closeTo(-there.difference, 1e-9)
        expect(back.effect).to.be.closeTo(-there.effect, 1e-9)
        expect(there.p).to.be.within(0, 1)
      }),
      {numRuns: 25},
    )
  }).timeout(30_000)
})
