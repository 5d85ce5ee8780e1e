import {expect} from 'chai'

import type {LiveNode} from '../../../../src/core/dashboard/nodes.ts'
import type {MetricsSnapshot, WorkflowReport} from '../../../../src/core/engine/engine.ts'

import {readLive} from '../../../../src/core/dashboard/live.ts'
import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {Activity} from '../../../../src/core/serve/live/activity.ts'
import {Monitor, type MonitorOptions} from '../../../../src/core/serve/live/monitor.ts'
import {ObservedEngine} from '../../../../src/core/serve/live/observed-engine.ts'
import {Watcher} from '../../../../src/core/serve/live/watcher.ts'
import {ServerMetrics} from '../../../../src/core/serve/server-metrics.ts'
import {InferenceService} from '../../../../src/core/serve/service/inference-service.ts'
import {ModelFolder} from '../../../../src/core/serve/service/model-folder.ts'
import {ModelRegistry} from '../../../../src/core/serve/service/model-registry.ts'
import {FakeEngine} from '../fake-engine.ts'

const NODE: LiveNode = {
  name: 'b',
  host: 'host-b',
  version: '1.2.3',
  engine: 'native',
  state: 'ready',
  devices: [{name: 'NPU', thermal: 'throttled', temperatureCelsius: 91, powerWatts: 2.5}],
  models: ['minilm'],
  agents: ['tester'],
  running: 3,
  capacity: 16,
  done: 7,
  failed: 1,
  recovered: 2,
  p99Us: 1500,
}

/** A server's parts with a clock that the test sets. */
function fixture({readNodes}: Pick<MonitorOptions, 'readNodes'> = {}) {
  const time = {now: 1000}
  const clock = () => time.now
  const fake = new FakeEngine()
  const activity = new Activity(clock)
  const engine = new ObservedEngine(fake, activity)
  const service = new InferenceService({
    control: true,
    engine,
    limits: {tensorElements: 100},
    registry: new ModelRegistry(engine, new ModelFolder('/nowhere', '/nowhere')),
    version: '1.2.3',
  })
  const monitor = new Monitor({
    activity,
    clock,
    metrics: new ServerMetrics(),
    readNodes,
    readTelemetry: () => null,
    service,
  })
  const watcher = new Watcher(monitor)
  const next = () => readLive(structuredClone(watcher.next()))!
  return {activity, engine, fake, monitor, next, time, watcher}
}

describe('what a server tells those who watch', () => {
  it('is its history first, and then only what is new', async () => {
    const {engine, monitor, next, time} = fixture()
    await engine.submit({type: 'echo', data: 1})
    time.now = 2000
    await monitor.tick()
    const first = next()
    expect(first.history!.complete).to.equal(true)
    expect(first.history!.tiers[0]!.series.throughput).to.deep.equal([1])
    expect(first.window!.latency).to.deep.include({count: 1, p50: 3.5})
    expect(next().history).to.equal(undefined)
    time.now = 3000
    await monitor.tick()
    const later = next().history!
    expect(later.complete).to.equal(false)
    expect(later.tiers[0]!.series.throughput).to.deep.equal([0])
  })

  it('is an error once, and again when it came again, however long', () => {
    const {activity, next} = fixture()
    const error = new NpuBridgeError('SHAPE_MISMATCH', '<script>'.repeat(12_800))
    activity.told(error, 'POST /v2')
    const [told] = next().errors!
    expect(told).to.deep.include({code: 'SHAPE_MISMATCH', count: 1, where: 'POST /v2'})
    expect(told!.message.length).to.be.below(1100)
    expect(next().errors).to.equal(undefined)
    activity.told(error, 'POST /v2')
    expect(next().errors![0]).to.deep.include({count: 2, number: told!.number})
  })

  it('keeps a bounded number of errors and fallbacks, and tells all of them in pieces', () => {
    const {activity, next} = fixture()
    for (let number = 0; number < 500; number++) {
      activity.told(new NpuBridgeError('INTERNAL', `no. ${number}`), '')
      const result = {device: 'CPU', engine: 'native', queueUs: 0, computeUs: 0, totalUs: 5, type: 'echo'} as const
      activity.completed({...result, fallback: {from: 'NPU', to: 'CPU', reason: `reason ${number}`}})
    }

    const told = [next(), next(), next(), next()]
    expect(told.map(({errors}) => errors?.length)).to.deep.equal([20, 20, 10, undefined])
    expect(told[2]!.errors!.at(-1)!.message).to.equal('no. 499')
    expect(told[0]!.fallbacks).to.have.length(50)
    expect(told[0]!.fallbacks!.at(-1)!.reason).to.equal('reason 499')
  })

  it('does not take a client that went away for an error', () => {
    const {activity, next} = fixture()
    activity.told(new NpuBridgeError('CANCELLED', 'the client went away'), '')
    expect(next().errors).to.equal(undefined)
  })

  it('is a workflow while it runs and when it has ended', () => {
    const {activity, next, time} = fixture()
    const tasks = [{id: 'a'}, {id: 'b', dependencies: ['a']}]
    const end = activity.workflow({type: 'workflow', tasks})
    const [running] = next().workflows!
    expect(running).to.deep.include({state: 'running', total: 2})
    expect(running!.tasks.map(({status}) => status)).to.deep.equal(['pending', 'pending'])
    time.now += 250
    const report: Partial<WorkflowReport> = {status: ['completed', 'failed'], assigned: ['x', 'y']}
    end(report, null)
    const [ended] = next().workflows!
    expect(ended).to.deep.include({number: running!.number, state: 'ended', elapsedMs: 250})
    expect(ended!.tasks[1]).to.deep.equal({id: 'b', agent: 'y', dependencies: ['a'], status: 'failed'})
  })

  it('is the nodes of its pool, when one of them has changed, and of no pool none', () => {
    let nodes = [{...NODE, name: 'a'}, NODE]
    const {next} = fixture({readNodes: () => nodes})
    expect(next().nodes).to.deep.equal(nodes)
    expect(next().nodes).to.equal(undefined)
    nodes = [{...NODE, done: 8}]
    expect(next().nodes).to.deep.equal(nodes)
    nodes = []
    expect(next().nodes).to.deep.equal([])
    expect(fixture().next().nodes).to.equal(undefined)
    const odd = readLive({nodes: [{name: 'x', running: 'many'}, {}, 'node', {...NODE, name: 7}]})!.nodes!
    expect(odd.map(({devices, name, running, state}) => [name, state, running, devices])).to.deep.equal([
      ['x', 'unknown', null, []],
    ])
  })

  it('counts what fails, and tells it to whoever asked', async () => {
    const {engine, fake, monitor, time} = fixture()
    fake.fails.set('inference', new NpuBridgeError('DEVICE_LOST', 'gone'))
    const failure = await engine.submit({type: 'inference', model: 'net', inputs: {}}).catch((error: unknown) => error)
    expect(failure).to.have.property('code', 'DEVICE_LOST')
    time.now = 2000
    await monitor.tick()
    expect(monitor.history.rows(2000)[0]!.series.failures).to.deep.equal([1])
  })

  it('takes one snapshot for all who watch at the same time', () => {
    const {fake, monitor, time} = fixture()
    let taken = 0
    fake.metrics = () => {
      const snapshot: Partial<MetricsSnapshot> = {submitted: ++taken}
      return snapshot as MetricsSnapshot
    }

    expect([monitor.snapshot().submitted, monitor.snapshot().submitted]).to.deep.equal([1, 1])
    time.now += 6000
    expect(monitor.snapshot().submitted).to.equal(2)
  })
})
