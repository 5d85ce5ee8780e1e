import {expect} from 'chai'
import {setImmediate as nextTurn} from 'node:timers/promises'

import {AnswerTurns} from '../../../../src/core/serve/http/answer-turns.ts'

describe('answers that take turns', () => {
  let now: number
  let turns: AnswerTurns
  let written: number[]

  const answerOf = (number: number, milliseconds: number) => () => {
    now += milliseconds
    written.push(number)
  }

  /** Gives answers of these numbers, each of which takes so long to be written. */
  const give = (numbers: readonly number[], milliseconds: number) => {
    for (const number of numbers) turns.run(answerOf(number, milliseconds))
  }

  beforeEach(() => {
    now = 0
    written = []
    turns = new AnswerTurns(() => now)
  })

  it('are written at once where they are few', () => {
    give([1, 2, 3], 0.1)
    expect(written).to.deep.equal([1, 2, 3])
  })

  it('are written for a millisecond, and go on in the next turns of the event loop, in their order', async () => {
    const numbers = Array.from({length: 30}, (_, index) => index)
    give(numbers, 0.1)
    expect(written.length).to.be.within(10, 11)
    await nextTurn()
    expect(written.length).to.be.within(20, 22)
    give([30], 0.1)
    expect(written.length).to.be.within(20, 22)
    await nextTurn()
    await nextTurn()
    expect(written).to.deep.equal([...numbers, 30])
  })

  it('are written one a turn where each takes longer than that', async () => {
    give([1, 2, 3], 5)
    expect(written).to.deep.equal([1])
    await nextTurn()
    expect(written).to.deep.equal([1, 2])
    await nextTurn()
    expect(written).to.deep.equal([1, 2, 3])
  })
})
