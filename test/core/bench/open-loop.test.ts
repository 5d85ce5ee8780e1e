import {expect} from 'chai'
import {setImmediate} from 'node:timers/promises'

import {openLoop} from '../../../src/core/bench/open-loop.ts'

/** A server that does one thing at a time, on a clock that moves when somebody looks for answers. */
class Server {
  #now = 0
  #free = 0
  readonly #due: Array<{at: number; resolve: () => void}> = []
  readonly clock = {
    now: () => this.#now,
    pause: async () => {
      this.#now += 0.5
      for (const {at, resolve} of this.#due) if (at <= this.#now) resolve()
      // Whoever was waiting goes on before anybody else.
      await setImmediate()
    },
  }

  async work(ms: number): Promise<void> {
    const begins = Math.max(this.#free, this.#now)
    this.#free = begins + ms
    const {promise, resolve} = Promise.withResolvers<void>()
    this.#due.push({at: this.#free, resolve})
    await promise
  }

  /** Lets time pass until `work` is over. */
  async until<T>(work: Promise<T>): Promise<T> {
    const over = {yes: false}
    const done = work.finally(() => {
      over.yes = true
    })
    while (!over.yes) await this.clock.pause()
    return done
  }
}

describe('an open loop', () => {
  it('counts the time that operations wait behind one that takes long', async () => {
    const server = new Server()
    const arrivals = Array.from({length: 10}, (_, index) => index * 10_000)
    // The first takes 100 ms; nine others of 1 ms come every 10 ms and wait for it.
    const work = openLoop(arrivals, async (index) => server.work(index === 0 ? 100 : 1), server.clock)
    const {failed, latenciesUs} = await server.until(work)
    expect(failed).to.equal(0)
    expect(latenciesUs).to.have.lengthOf(10)
    const milliseconds = latenciesUs.map((us) => Math.round(us / 1000))
    expect(milliseconds[0]).to.be.within(99, 102)
    // Callers that take turns would have seen 1 ms nine times.
    expect(milliseconds[1]).to.be.within(90, 93)
    expect(milliseconds[9]).to.be.within(18, 21)
  })

  it('times from when an operation was due, also where its caller is late', async () => {
    const now = {ms: 0}
    const clock = {
      now: () => now.ms,
      async pause() {
        now.ms += 50
      },
    }
    const {latenciesUs} = await openLoop([0, 1000, 2000], async () => {}, clock)
    expect(latenciesUs.every((us) => us >= 48_000)).to.equal(true)
  })

  it('counts what fails and goes on', async () => {
    const work = async (index: number) => {
      if (index % 2 === 1) throw new Error('full')
    }

    const {failed, latenciesUs} = await openLoop([0, 0, 0, 0], work)
    expect([failed, latenciesUs.length]).to.deep.equal([2, 2])
  })
})
