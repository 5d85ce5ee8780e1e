import {expect} from 'chai'

import {isAhead} from '../../../src/core/tune/pairs.ts'

describe('a setting', () => {
  it('is ahead where it did better in nearly all pairs, however far behind it was in the others', () => {
    const leads = Array.from({length: 11}, (_, pair) => 1.1 + pair / 500)
    expect(isAhead([...leads, 0.4, 0.35])).to.equal(true)
    expect(isAhead([...leads.slice(0, 8), 0.4, 0.35, 0.5, 0.45, 0.6])).to.equal(false)
  })

  it('is ahead where it was far better in most and hardly worse in the others', () => {
    expect(isAhead([2, 2, 2.1, 2, 2, 2.2, 2, 2, 2.1, 2, 0.99, 0.98, 0.97, 0.96, 0.95])).to.equal(true)
  })

  it('is not ahead by chance more often than it says', () => {
    const everyWay = Array.from({length: 2 ** 9}, (_, signs) =>
      Array.from({length: 9}, (__, pair) => Math.exp(((signs >> pair) & 1 ? 1 : -1) * (1 + pair / 10))),
    )
    expect(everyWay.filter((ratios) => isAhead(ratios)).length / everyWay.length).to.be.within(0.04, 0.11)
  })

  it('is not ahead of what does the same, nor without any pair', () => {
    expect(isAhead([1, 1, 1, 1, 1, 1])).to.equal(false)
    expect(isAhead([])).to.equal(false)
  })
})
