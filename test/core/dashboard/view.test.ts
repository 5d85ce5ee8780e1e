import {expect} from 'chai'

import {readFigures} from '../../../src/core/dashboard/figures.ts'
import {readLive} from '../../../src/core/dashboard/live.ts'
import {RecentFigures} from '../../../src/core/dashboard/recent.ts'
import {viewOf} from '../../../src/core/dashboard/view.ts'

const LATENCY = {count: 10, mean: 1, p50: 100, p90: 150, p95: 200, p99: 300, p999: 400, max: 500}
const GROUP = {queue: LATENCY, compute: LATENCY, total: LATENCY}

function snapshot(changes: object = {}): object {
  return {
    engine: 'native',
    uptimeMs: 10_000,
    submitted: 100,
    completed: 90,
    failed: 10,
    queueDepth: 4,
    running: 2,
    failuresByCode: {QUEUE_FULL: 3, DEVICE_LOST: 7},
    fallbacks: 5,
    operations: {inference: GROUP},
    queueDepthByPriority: {low: 3, realtime: 1},
    batchSizes: {1: 2, 4: 2},
    breakers: {NPU: {state: 'open', failures: 0, opened: 1, reason: 'lost'}},
    devices: {NPU: GROUP, CPU: GROUP},
    models: [{model: 'net', device: 'CPU', ...GROUP}],
    ...changes,
  }
}

describe('what is shown of metrics', () => {
  it('has rates over the time that the engine itself counts', () => {
    const earlier = readFigures(snapshot())
    const current = readFigures(
      snapshot({uptimeMs: 12_000, submitted: 2100, completed: 2080, failed: 12, fallbacks: 9}),
    )
    const view = viewOf({current, earlier, live: null})
    expect(view.throughput).to.equal(996)
    expect(view.failuresPerSecond).to.equal(1)
    expect(view.fallbacksPerSecond).to.equal(2)
    expect(view.queueByPriority).to.deep.equal([
      ['realtime', 1],
      ['low', 3],
    ])
    expect(view.meanBatch).to.equal(2.5)
    expect(view.failuresByCode[0]).to.deep.equal(['DEVICE_LOST', 7])
    expect(view.devices.map(({breaker, name}) => [name, breaker])).to.deep.equal([
      ['NPU', 'open'],
      ['CPU', 'unknown'],
    ])
  })

  it('has no rates without an earlier snapshot, or across a restart', () => {
    const current = readFigures(snapshot())
    expect(viewOf({current, earlier: null, live: null}).throughput).to.equal(null)
    const before = readFigures(snapshot({uptimeMs: 90_000, submitted: 1e6}))
    expect(viewOf({current, earlier: before, live: null}).throughput).to.equal(null)
    const recent = new RecentFigures()
    expect(recent.add(before).isRestarted).to.equal(false)
    expect(recent.add(current).isRestarted).to.equal(true)
    expect(recent.earlier).to.equal(null)
  })

  it('compares with a snapshot that is some seconds old, and takes none twice', () => {
    const recent = new RecentFigures()
    for (let second = 0; second < 60; second++) {
      const figures = readFigures(snapshot({uptimeMs: second * 1000, submitted: second}))
      recent.add(figures)
      recent.add(figures)
    }

    expect(recent.current!.uptimeMs! - recent.earlier!.uptimeMs!).to.equal(5000)
  })

  it('shows the latencies of the last seconds where they are told, else those since the start, and says which', () => {
    const current = readFigures(snapshot())
    expect(viewOf({current, earlier: null, live: null}).latency).to.deep.include({
      p99: 300,
      scope: 'inference, since start',
    })
    const live = readLive({window: {seconds: 10, count: 4, p50: 1, p95: 2, p99: 3}})
    expect(viewOf({current, earlier: null, live}).latency).to.deep.include({p99: 3, scope: 'last 10 s'})
  })

  it('knows models by their names, whatever the engine calls them', () => {
    const current = readFigures(snapshot({models: [{model: '/models/net.onnx', device: 'CPU', ...GROUP}]}))
    const {models} = readLive({
      models: [{name: 'net', version: '1', state: 'READY', reason: '', reference: '/models/net.onnx'}],
    })!
    const view = viewOf({current, earlier: null, live: null, models})
    expect(view.models).to.have.length(1)
    expect(view.models[0]).to.deep.include({name: 'net', count: 10, p99: 300, state: 'READY', devices: ['CPU']})
  })

  it('takes what cannot be read for unknown, with the reason', () => {
    const current = readFigures(snapshot())
    const [npu] = viewOf({current, earlier: null, live: null}).devices
    expect(npu!.telemetry).to.deep.include({utilisation: null, powerWatts: null})
    expect(npu!.telemetry!.reason).to.equal('nobody here reads the telemetry of an NPU')
    const power = {NPU: {condition: 'normal', figures: {frequencyMhz: 1400}, limit: 2, places: 4}}
    const read = viewOf({current: readFigures(snapshot({power})), earlier: null, live: null}).devices[0]!
    expect(read.telemetry!.frequencyMhz).to.equal(1400)
    expect(read.admitted).to.deep.equal({limit: 2, places: 4})
  })

  it('reads the metrics of an older server, and of one that has become something else', () => {
    for (const value of [
      {},
      null,
      'metrics',
      [],
      {models: 'all', devices: [1], breakers: {NPU: 'broken', CPU: {state: 7}}, batchSizes: {many: 3}},
      {uptimeMs: 'long', completed: NaN, queueDepthByPriority: {urgent: 2, low: null}, power: {NPU: null}},
      {operations: {inference: {total: null}}, models: [null, {model: 3}, {model: 'x', total: {}}]},
    ]) {
      const view = viewOf({current: readFigures(value), earlier: readFigures(value), live: readLive(value)})
      expect(view.throughput, JSON.stringify(value)).to.equal(null)
    }
  })

  it('keeps no text of 100 KB', () => {
    const long = '<b>'.repeat(40_000)
    const live = readLive({errors: [{number: 1, code: long, message: long, where: long}], advice: [{advice: long}]})!
    expect(JSON.stringify(live).length).to.be.below(5000)
    expect(live.errors![0]!.message).to.match(/… \(120,000 characters\)$/)
  })
})
