import {expect} from 'chai'
import fc from 'fast-check'

import {successiveHalving} from '../../../src/core/tune/halving.ts'

const numbers = (count: number) => Array.from({length: count}, (_, index) => index)

describe('successiveHalving', () => {
  const common = {
    asGood: 0,
    complexity: () => 0,
    finalists: 3,
    isOver: () => false,
    keeps: () => false,
    score: (value: number) => value,
    trialMs: 10,
  }

  it('leaves the best, the best first', async () => {
    const {finalists, rounds} = await successiveHalving(numbers(40), {...common, attempt: async (value) => value})
    expect(finalists.map(({contender}) => contender)).to.deep.equal([39, 38, 37])
    expect(rounds).to.be.above(1)
  })

  it('tries those that are left for longer', async () => {
    const lengths = new Map<number, number[]>()
    await successiveHalving(numbers(30), {
      ...common,
      async attempt(value, milliseconds) {
        lengths.set(value, [...(lengths.get(value) ?? []), milliseconds])
        return value
      },
    })
    expect(lengths.get(0)).to.deep.equal([10, 10])
    expect(lengths.get(29)!.slice(0, 2)).to.deep.equal([10, 20])
  })

  it('does not lose the best to one disturbed trial of each length', async () => {
    const disturbed = new Set<string>()
    const {finalists, results} = await successiveHalving(numbers(30), {
      ...common,
      async attempt(value, milliseconds) {
        const key = `${value} ${milliseconds}`
        if (value < 27 || disturbed.has(key)) return value
        disturbed.add(key)
        return value / 100
      },
    })
    expect(finalists.map(({contender}) => contender)).to.have.members([29, 28, 27])
    expect(results.get(29)).to.equal(29)
  })

  it('keeps the better of two trials', async () => {
    const tried = new Set<number>()
    const {results} = await successiveHalving(numbers(10), {
      ...common,
      async attempt(value) {
        const isFirst = !tried.has(value)
        tried.add(value)
        return isFirst ? value : value / 2
      },
    })
    expect(results.get(0)).to.equal(0)
    expect(results.get(1)).to.equal(1)
  })

  it('goes on with the least complex of those that are as good', async () => {
    const {finalists} = await successiveHalving(numbers(12), {
      ...common,
      asGood: 0.05,
      attempt: async (value) => (value < 6 ? value : 100 - value / 4),
      complexity: (value) => (value % 2 === 0 ? 2 : 1),
    })
    expect(finalists.map(({contender}) => contender)).to.deep.equal([7, 9, 11])
  })

  it('goes on without what cannot be tried', async () => {
    const {finalists, results} = await successiveHalving(numbers(10), {
      ...common,
      attempt: async (value) => (value > 6 ? null : value),
    })
    expect(finalists.map(({contender}) => contender)).to.deep.equal([6, 5, 4])
    expect(results.size).to.equal(7)
  })

  it('keeps what is to be kept, whatever comes of it', async () => {
    const {finalists} = await successiveHalving(numbers(40), {
      ...common,
      attempt: async (value) => value,
      keeps: (value) => value === 0,
    })
    expect(finalists.map(({contender}) => contender)).to.deep.equal([39, 38, 37, 0])
  })

  it('stops when time is up, and tells what was not tried', async () => {
    let left = 5
    const {finalists, untried} = await successiveHalving(numbers(10), {
      ...common,
      attempt: async (value) => value,
      isOver: () => left-- <= 0,
    })
    expect(untried).to.deep.equal([5, 6, 7, 8, 9])
    expect(finalists.map(({contender}) => contender)).to.deep.equal([4, 3, 2])
  })

  it('never loses the best where trials do not lie', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer(), {minLength: 1, maxLength: 60}), async (values) => {
        const {finalists} = await successiveHalving(values, {...common, attempt: async (value) => value})
        expect(finalists[0]!.contender).to.equal(Math.max(...values))
        expect(finalists.length).to.equal(Math.min(3, values.length))
      }),
    )
  })
})
