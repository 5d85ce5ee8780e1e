import {expect} from 'chai'

import {seededRandom, shuffled} from '../../../src/core/bench/random.ts'

describe('random numbers by seed', () => {
  it('repeat for a seed and differ between seeds', () => {
    const draw = (seed: number) => Array.from({length: 5}, seededRandom(seed))
    expect(draw(1)).to.deep.equal(draw(1))
    expect(draw(1)).to.not.deep.equal(draw(2))
  })

  it('are spread evenly over [0, 1)', () => {
    const random = seededRandom(42)
    const counts = Array.from({length: 10}, () => 0)
    for (let count = 0; count < 10_000; count++) counts[Math.floor(random() * 10)]!++
    for (const count of counts) expect(count).to.be.within(900, 1100)
  })
})

describe('a shuffled list', () => {
  it('has every order about equally often, and leaves the original alone', () => {
    const random = seededRandom(5)
    const items = ['a', 'b', 'c'] as const
    const counts = new Map<string, number>()
    for (let count = 0; count < 6000; count++) {
      const order = shuffled(items, random).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }

    expect(counts.size).to.equal(6)
    for (const count of counts.values()) expect(count).to.be.within(880, 1120)
    expect(items).to.deep.equal(['a', 'b', 'c'])
  })
})
