import {expect} from 'chai'

import {StreamStates} from '../../../src/core/engine/stream-states.ts'

const STATE = {h: {data: Float32Array.of(1), shape: [1]}}

describe('StreamStates', () => {
  it('remembers, closes and closes by prefix', () => {
    const streams = new StreamStates()
    for (const stream of ['m a', 'm b', 'n a']) streams.remember(stream, STATE)
    expect(streams.recall('m a')).to.equal(STATE)
    streams.close('m a')
    expect(streams.recall('m a')).to.equal(undefined)
    streams.closeAll('m ')
    expect(streams.size).to.equal(1)
  })

  it('forgets streams that nothing came for in five minutes, and only these', () => {
    const clock = {ms: 0}
    const streams = new StreamStates(() => clock.ms)
    streams.remember('old', STATE)
    streams.remember('used', STATE)
    clock.ms = 4 * 60_000
    streams.remember('used', STATE)
    clock.ms = 6 * 60_000
    expect(streams.recall('old')).to.equal(undefined)
    expect(streams.recall('used')).to.equal(STATE)
    expect(streams.size).to.equal(1)
  })
})
