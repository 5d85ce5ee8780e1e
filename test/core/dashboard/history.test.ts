import {expect} from 'chai'

import {LatencyHistogram} from '../../../src/core/dashboard/histogram.ts'
import {History, type Moment, TIERS} from '../../../src/core/dashboard/history.ts'

function moment(at: number, changes: Partial<Moment> = {}): Moment {
  const latency = new LatencyHistogram()
  latency.record(100)
  return {
    at,
    elapsedMs: 1000,
    completed: 5,
    failed: 1,
    fellBack: 2,
    latency,
    queueDepth: 3,
    running: 1,
    utilisation: null,
    frequencyMhz: null,
    memoryBytes: null,
    temperatureCelsius: null,
    powerWatts: null,
    ...changes,
  }
}

describe('a history of figures', () => {
  it('keeps a day, in as many rows as its tiers have and no more', () => {
    const history = new History()
    const seconds = 25 * 3600
    for (let second = 1; second <= seconds; second++) history.add(moment(second * 1000))
    const rows = history.rows(seconds * 1000)
    expect(rows.map(({ages_ms: ages}) => ages.length)).to.deep.equal(TIERS.map(({capacity}) => capacity))
    const minutes = rows.at(-1)!
    expect(minutes.ages_ms[0]).to.equal(24 * 3600 * 1000 - 60_000)
    expect(minutes.series.throughput!.every((value) => value === 6)).to.equal(true)
    // A day of another load than before is told as it was, whatever the number of moments.
    expect(new Set(minutes.series.failures)).to.deep.equal(new Set([1]))
  })

  it('takes the longest queue of a row, and latencies of all its operations', () => {
    const history = new History([{periodMs: 10_000, capacity: 4}])
    for (let second = 1; second <= 10; second++) {
      const latency = new LatencyHistogram()
      latency.record(second === 10 ? 5000 : 50)
      history.add(moment(second * 1000, {latency, queueDepth: second === 4 ? 40 : 0}))
    }

    const [tier] = history.rows(10_000)
    expect(tier!.series.queueDepth).to.deep.equal([40])
    expect(tier!.series.p50![0]).to.be.closeTo(50, 1)
    expect(tier!.series.p99![0]).to.be.closeTo(5000, 80)
  })

  it('leaves out what nobody knows', () => {
    const history = new History()
    history.add(moment(1000))
    expect(history.rows(1000)[0]!.series).to.not.have.any.keys('utilisation', 'powerWatts')
  })

  it('does not spread what lies in a gap, such as a machine that slept', () => {
    const history = new History([{periodMs: 1000, capacity: 4}])
    history.add(moment(1000))
    history.add(moment(3_601_000, {elapsedMs: 3_600_000}))
    expect(history.rows(3_601_000)[0]!.series.throughput).to.deep.equal([6, null])
  })

  it('tells a reader only what is new, and never less than it can', () => {
    const history = new History([{periodMs: 1000, capacity: 3}])
    history.add(moment(1000))
    const {position} = history
    expect(history.rows(1000, position)).to.deep.equal([])
    history.add(moment(2000, {completed: 9}))
    expect(history.rows(2500, position)[0]).to.deep.include({ages_ms: [500]})
    for (let second = 3; second < 9; second++) history.add(moment(second * 1000))
    expect(history.rows(8000, position)[0]!.ages_ms).to.deep.equal([2000, 1000, 0])
  })
})
