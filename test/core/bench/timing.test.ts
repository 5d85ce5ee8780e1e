import {expect} from 'chai'
import {setTimeout} from 'node:timers/promises'

import {inWindow, keepInFlight, perSecond, Stretches, timesUs, warmUp} from '../../../src/core/bench/timing.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {failureOf} from '../../support/failure.ts'

describe('timing work', () => {
  it('gives the time of each repetition in microseconds', async () => {
    const times = await timesUs(async () => setTimeout(5), 30)
    expect(times.length).to.be.within(1, 7)
    for (const time of times) expect(time).to.be.within(4000, 500_000)
  })

  it('does it once at least', async () => {
    expect(await timesUs(async () => {}, 0)).to.have.length.of.at.least(1)
  })

  it('fails as the work does', async () => {
    const failing = async () => {
      throw new NpuBridgeError('DEVICE_LOST', 'gone')
    }

    expect((await failureOf(timesUs(failing, 0))).code).to.equal('DEVICE_LOST')
  })
})

describe('work in a window', () => {
  it('keeps as much in flight as the window allows, and does all of it once', async () => {
    let [now, most] = [0, 0]
    const done: number[] = []
    await inWindow(8, 50, async (index) => {
      most = Math.max(most, ++now)
      await setTimeout(1)
      now--
      done.push(index)
    })
    expect(most).to.equal(8)
    expect(done.toSorted((a, b) => a - b)).to.deep.equal(Array.from({length: 50}, (_, index) => index))
  })
})

describe('warming up', () => {
  it('does so many pieces of work, a window at a time', async () => {
    let [done, now, most] = [0, 0, 0]
    await warmUp(4, {atMostMs: 60_000, count: 30}, async () => {
      most = Math.max(most, ++now)
      await setTimeout(1)
      now--
      done++
    })
    expect([done, most]).to.deep.equal([30, 4])
  })

  it('begins nothing once its time is over', async () => {
    let begun = 0
    const started = performance.now()
    await warmUp(1, {atMostMs: 40, count: 1_000_000}, async () => {
      begun++
      await setTimeout(5)
    })
    expect(begun).to.be.within(1, 8)
    expect(performance.now() - started).to.be.at.least(40)
  })
})

describe('work that is kept in flight', () => {
  /** Two at a time, ten milliseconds each, by a clock of its own. */
  function device() {
    const waiting: Array<() => void> = []
    let [clock, busy, most] = [0, 0, 0]
    const turn = () => {
      clock += 10
      for (const done of waiting.splice(0, 2)) done()
      if (waiting.length > 0) setImmediate(turn)
    }

    return {
      now: () => clock,
      most: () => most,
      async work() {
        most = Math.max(most, ++busy)
        await new Promise<void>((resolve) => {
          if (waiting.length === 0) setImmediate(turn)
          waiting.push(resolve)
        })
        busy--
      },
    }
  }

  it('has the rate of a full window, whatever the last pieces take', async () => {
    const {most, now, work} = device()
    const {latenciesUs, perSecond: rate} = await keepInFlight(5, {durationMs: 100, now}, work)
    expect(rate).to.equal(200)
    expect(most()).to.equal(5)
    // Eighteen until the time is over, and what was in flight then.
    expect(latenciesUs).to.have.length(23)
    expect(Math.max(...latenciesUs)).to.equal(30_000)
  })

  it('goes on until there are as many as asked for', async () => {
    const {now, work} = device()
    const {latenciesUs, perSecond: rate} = await keepInFlight(4, {durationMs: 0, least: 20, now}, work)
    expect(latenciesUs.length).to.be.within(20, 24)
    expect(rate).to.equal(200)
  })

  it('counts all of them where none was done in time', async () => {
    const {now, work} = device()
    const {latenciesUs, perSecond: rate} = await keepInFlight(4, {durationMs: 5, now}, work)
    expect(latenciesUs).to.have.length(4)
    expect(rate).to.equal(200)
  })

  it('fails as the work does', async () => {
    const failing = async () => {
      throw new NpuBridgeError('DEVICE_LOST', 'gone')
    }

    expect((await failureOf(keepInFlight(2, {durationMs: 0}, failing))).code).to.equal('DEVICE_LOST')
  })
})

describe('stretches of work', () => {
  it('have a rate each, and what is shorter than one has none', async () => {
    const stretches = new Stretches(10)
    for (let repetition = 0; repetition < 2; repetition++) {
      stretches.begin()
      await inWindow(1, 25, async (index) => setTimeout(index < 10 ? 1 : 0), stretches.add)
    }

    expect(stretches.rates).to.have.length(4)
    expect(stretches.rates.every((rate) => rate > 0 && rate < 1000)).to.equal(true)
  })
})

describe('a rate', () => {
  it('is things in a second', () => {
    expect(perSecond(30, [1000, 2000])).to.equal(10_000)
  })
})
