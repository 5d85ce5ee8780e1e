import {expect} from 'chai'
import {setTimeout} from 'node:timers/promises'

import {measureCase} from '../../../src/core/bench/measure.ts'
import {seededRandom} from '../../../src/core/bench/random.ts'
import {absent, type Case, type Side} from '../../../src/core/bench/suites/suite.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'

const optionsWith = (signal = new AbortController().signal) => ({
  random: seededRandom(1),
  signal,
  onProgress() {},
})

function caseOf(sides: Record<string, Side>, rounds = 20): Case {
  return {title: 'work', metrics: ['value'], rounds, sides}
}

describe('measuring a case', () => {
  it('lets the sides take turns in random order', async () => {
    const order: string[] = []
    const side = (name: string): Side => ({
      async measure() {
        order.push(name)
        return {values: {value: order.length}}
      },
    })
    const outcomes = await measureCase(caseOf({a: side('a'), b: side('b')}), optionsWith())
    const rounds = Array.from({length: 20}, (_, round) => order.slice(2 * round, 2 * round + 2).join(''))
    expect(new Set(rounds)).to.deep.equal(new Set(['ab', 'ba']))
    for (const outcome of Object.values(outcomes)) {
      expect('samples' in outcome && outcome.samples.value).to.have.lengthOf(20)
    }
  })

  it('prepares each side once, before the first round', async () => {
    const calls: string[] = []
    const side: Side = {
      async prepare() {
        calls.push('prepare')
      },
      async measure() {
        calls.push('measure')
        return {values: {value: 1}}
      },
    }
    await measureCase(caseOf({a: side}, 2), optionsWith())
    expect(calls).to.deep.equal(['prepare', 'measure', 'measure'])
  })

  it('spreads the rounds of a side that does fewer of them', async () => {
    const rounds: number[] = []
    let round = 0
    const sides = {
      every: {
        async measure() {
          round++
          return {values: {value: 0}}
        },
      },
      some: {
        rounds: 3,
        async measure() {
          rounds.push(round)
          return {values: {value: 0}}
        },
      },
    }
    await measureCase(caseOf(sides, 12), optionsWith())
    expect(rounds).to.have.lengthOf(3)
    expect(rounds[1]! - rounds[0]!).to.be.within(3, 5)
    expect(rounds[2]! - rounds[1]!).to.be.within(3, 5)
  })

  it('keeps the reason of a side that fails and goes on with the others', async () => {
    let asked = 0
    const sides: Record<string, Side> = {
      failing: {
        async measure() {
          asked++
          throw new NpuBridgeError('LEGACY_FAILED', 'it exploded')
        },
      },
      unable: {
        async measure() {
          throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'it has no such thing')
        },
      },
      unprepared: {
        async prepare() {
          throw new TypeError('not ready')
        },
        async measure() {
          return {values: {value: 1}}
        },
      },
      absent: absent('not_run', 'too long'),
      working: {measure: async () => ({values: {value: 4}})},
    }
    const outcomes = await measureCase(caseOf(sides, 3), optionsWith())
    expect(outcomes).to.deep.equal({
      failing: {absent: {status: 'failed', reason: 'it exploded'}},
      unable: {absent: {status: 'not_available', reason: 'it has no such thing'}},
      unprepared: {absent: {status: 'failed', reason: 'not ready'}},
      absent: {absent: {status: 'not_run', reason: 'too long'}},
      working: {samples: {value: [4, 4, 4]}, stretches: {}, distributions: {}, series: {}, lacks: {}},
    })
    expect(asked).to.equal(1)
  })

  it('collects the times of single operations over all rounds', async () => {
    const side: Side = {
      measure: async () => ({values: {value: 1}, latenciesUs: {latency: [10, 20], queue: [1]}}),
    }
    const {side: outcome} = await measureCase(caseOf({side}, 3), optionsWith())
    const distributions = outcome && 'distributions' in outcome ? outcome.distributions : {}
    expect(distributions.latency).to.include({count: 6, min: 10})
    expect(distributions.queue).to.include({count: 3, min: 1})
  })

  it('collects the figures of short stretches, of the metrics that have them', async () => {
    const side: Side = {measure: async () => ({values: {value: 1}, stretches: {value: [1, 2]}})}
    const {side: outcome} = await measureCase(caseOf({side}, 2), optionsWith())
    expect(outcome).to.deep.include({samples: {value: [1, 1]}, stretches: {value: [1, 2, 1, 2]}})
  })

  it('ends at once when it is interrupted in the middle of work, and gives what there is', async () => {
    const controller = new AbortController()
    let rounds = 0
    const side: Side = {
      async measure() {
        if (++rounds < 4) return {values: {value: rounds}}
        controller.abort()
        await setTimeout(60_000, undefined, {ref: false})
        return {values: {value: rounds}}
      },
    }
    const late: Side = {...side, measure: async () => setTimeout(60_000, {values: {value: 1}}, {ref: false})}
    const outcomes = await measureCase(caseOf({side}), optionsWith(controller.signal))
    expect(outcomes.side).to.deep.equal({
      samples: {value: [1, 2, 3]},
      stretches: {},
      distributions: {},
      series: {},
      lacks: {},
    })
    expect(await measureCase(caseOf({late}), optionsWith(controller.signal))).to.deep.equal({
      late: {absent: {status: 'not_run', reason: 'interrupted before it was measured'}},
    })
  })
})
