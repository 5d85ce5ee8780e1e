import {expect} from 'chai'

import type {Candidate} from '../../../src/core/tune/candidate.ts'
import type {Trial} from '../../../src/core/tune/trial.ts'

import {duel, type DuelOptions} from '../../../src/core/tune/duel.ts'

/** Scores of the turns of each side, and who had them in which order. */
function sides(challenger: readonly number[], changes: Partial<DuelOptions> = {}) {
  const order: string[] = []
  let now = 0
  let turn = 0
  const open = async (candidate: Candidate) => {
    const name = candidate.streams === 2 ? 'challenger' : 'default'
    let isSettled = false
    return {
      async measure(milliseconds: number) {
        now += milliseconds
        if (!isSettled) {
          isSettled = true
          order.push(`${name} settles`)
          return {throughput: name === 'default' ? 1 : 1e6}
        }

        order.push(name)
        return {throughput: name === 'default' ? 100 : challenger[turn++ % challenger.length]!}
      },
      async [Symbol.asyncDispose]() {
        order.push(`${name} closed`)
      },
    } as unknown as Trial
  }

  const options: DuelOptions = {
    leftMs: 10_000,
    now: () => now,
    onProgress() {},
    open,
    score: ({throughput}) => throughput,
    signal: new AbortController().signal,
    ...changes,
  }
  return {held: async () => duel({streams: 2}, options), order}
}

describe('duel', () => {
  it('is won by what does better in nearly all pairs', async () => {
    expect(await sides([110]).held()).to.deep.include({pairs: 27, won: 27, isBetter: true})
    const equal = Array.from({length: 27}, (_, turn) => (turn % 2 === 0 ? 110 + turn : 90 - turn))
    expect(await sides(equal).held()).to.deep.include({won: 14, isBetter: false})
    expect(await sides([90]).held()).to.deep.include({won: 0, isBetter: false})
  })

  it('counts a pair by how far apart its turns were', async () => {
    const clearly = Array.from({length: 27}, (_, turn) => (turn < 17 ? 200 + turn : 115 - turn))
    expect(await sides(clearly).held()).to.deep.include({won: 17, isBetter: true})
    const hardly = Array.from({length: 27}, (_, turn) => (turn < 17 ? 101 + turn / 10 : 96 - turn))
    expect(await sides(hardly).held()).to.deep.include({won: 17, isBetter: false})
  })

  it('tells the middle of the gains, which no single turn decides', async () => {
    const {gain} = (await sides([...Array.from({length: 26}, () => 110), 9000]).held())!
    expect(gain).to.be.closeTo(0.1, 1e-9)
  })

  it('lets both begin in turns, and closes both', async () => {
    const {held, order} = sides([110])
    await held()
    expect(order.slice(2, 8)).to.deep.equal(['challenger', 'default', 'default', 'challenger', 'challenger', 'default'])
    expect(order.slice(-2)).to.have.members(['challenger closed', 'default closed'])
  })

  it('counts no turn before both have settled, in each bout', async () => {
    const {held, order} = sides([90])
    expect(await held()).to.deep.include({pairs: 27, won: 0, isBetter: false})
    expect(order.filter((each) => each.endsWith('settles'))).to.have.length(6)
    expect(order.slice(0, 2)).to.deep.equal(['challenger settles', 'default settles'])
  })

  it('opens both anew in between, so that no single process decides', async () => {
    const {held, order} = sides([110])
    await held()
    expect(order.filter((each) => each === 'default closed')).to.have.length(3)
    expect(order.slice(20, 22)).to.have.members(['challenger closed', 'default closed'])
    const luckyOnce = Array.from({length: 27}, (_, turn) => (turn < 9 ? 130 : 99))
    expect(await sides(luckyOnce).held()).to.deep.include({won: 9, isBetter: false})
  })

  it('has five pairs even where time is up, and no verdict when it is interrupted before', async () => {
    expect(await sides([110], {leftMs: 0}).held()).to.deep.include({pairs: 5, won: 5, isBetter: true})
    expect(await sides([110], {signal: AbortSignal.abort()}).held()).to.equal(null)
  })
})
