import {expect} from 'chai'
import {getEventListeners} from 'node:events'

import {onAbort} from '../../../../src/core/engine/native/cancellations.ts'

describe('what a signal cancels', () => {
  it('is all of its operations that have not ended, by one listener', () => {
    const controller = new AbortController()
    const cancelled: number[] = []
    const ends = Array.from({length: 100}, (_, number) =>
      onAbort(controller.signal, () => {
        cancelled.push(number)
      }),
    )
    for (const end of ends.slice(0, 97)) end()
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(1)
    controller.abort()
    expect(cancelled).to.deep.equal([97, 98, 99])
    expect(getEventListeners(controller.signal, 'abort')).to.be.empty
  })

  it('is nothing of another signal', () => {
    const [first, second] = [new AbortController(), new AbortController()]
    const cancelled: string[] = []
    for (const [name, {signal}] of Object.entries({first, second})) {
      onAbort(signal, () => {
        cancelled.push(name)
      })
    }

    second.abort()
    expect(cancelled).to.deep.equal(['second'])
  })
})
