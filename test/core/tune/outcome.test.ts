import {expect} from 'chai'
import {median} from 'simple-statistics'

import type {Contender} from '../../../src/core/tune/finals.ts'

import {type Candidate, DEFAULT} from '../../../src/core/tune/candidate.ts'
import {challengers} from '../../../src/core/tune/outcome.ts'

const STREAMS: Candidate = {streams: 2}
const REQUESTS: Candidate = {hint: 'throughput', requests: 2}

/** A setting with the throughput of its seven rounds. */
function contender(candidate: Candidate, throughputs: readonly number[]): Contender {
  const turns = throughputs.map((throughput) => ({
    throughput,
    p50Us: 1,
    p99Us: 1,
    loadedP99Us: 1,
    cpuUs: 1,
    joules: null,
    memoryBytes: null,
  }))
  return {candidate, figures: {...turns[0]!, throughput: median(throughputs)}, turns}
}

describe('challengers', () => {
  const base = contender(DEFAULT, [100, 101, 99, 100, 102, 98, 100])
  const order = (streams: readonly number[], requests: readonly number[]) =>
    challengers([base, contender(REQUESTS, requests), contender(STREAMS, streams)], 'throughput', {})

  it('begin with the simplest of those that rounds cannot tell apart', () => {
    expect(order([190, 212, 195, 208, 199, 205, 201], [205, 200, 210, 196, 207, 204, 212])).to.deep.equal([
      STREAMS,
      REQUESTS,
    ])
  })

  it('begin with a hint, where numbers do as well', () => {
    const hinted: Candidate = {hint: 'throughput', batch: 1}
    const numbered: Candidate = {streams: 2, batch: 1}
    const finals = [
      base,
      contender(numbered, [205, 200, 210, 196, 207, 204, 212]),
      contender(hinted, [190, 212, 195, 208, 199, 205, 201]),
    ]
    expect(challengers(finals, 'throughput', {})).to.deep.equal([hinted, numbered])
  })

  it('begin with the one that was ahead in each round', () => {
    expect(order([196, 195, 197, 196, 198, 194, 196], [203, 202, 205, 204, 206, 201, 203])).to.deep.equal([
      REQUESTS,
      STREAMS,
    ])
  })

  it('begin with the one that is far ahead, however unsteady', () => {
    expect(order([150, 260, 170, 190, 240, 180, 186], [150, 160, 290, 230, 180, 260, 220])).to.deep.equal([
      REQUESTS,
      STREAMS,
    ])
  })

  it('are those that did better in many rounds, though the default had the best ones', () => {
    const lucky = contender(DEFAULT, [100, 250, 101, 99, 240, 230, 220])
    const steady = contender(STREAMS, [121, 120, 122, 119, 121, 120, 118])
    expect(challengers([lucky, steady], 'throughput', {})).to.deep.equal([STREAMS])
  })

  it('are those that rounds cannot tell from a default that leads', () => {
    expect(order([99, 102, 98, 101, 100, 99, 99], [96, 97, 95, 96, 98, 94, 96])).to.deep.equal([STREAMS])
  })

  it('are none where there was no time for rounds', () => {
    const [untried, unknown] = [base, contender(STREAMS, [100])].map((each) => ({...each, turns: []}))
    expect(challengers([untried!, unknown!], 'throughput', {})).to.deep.equal([])
  })
})
