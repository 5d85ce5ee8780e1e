import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {LatencyGroup, LatencySummary, MetricsSnapshot} from '../../../src/core/engine/engine.ts'
import type {NpuBridgeError} from '../../../src/core/errors.ts'

import {advise, adviseOn} from '../../../src/core/tune/advise.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {requireNative, startNative} from '../../support/native.ts'
import {rejectionOf} from '../run/expect-error.ts'
import {serverOver, testServer} from '../serve/server.ts'

const times = (us: number, count = 1000): LatencySummary => ({
  count,
  mean: us,
  p50: us,
  p90: us,
  p95: us,
  p99: 2 * us,
  p999: 2 * us,
  max: 2 * us,
})

const group = (queueUs: number, computeUs: number): LatencyGroup => ({
  queue: times(queueUs),
  compute: times(computeUs),
  total: times(queueUs + computeUs),
})

/** A minute in which all was well: 1000 inferences of 1 ms, hardly any of which waited. */
function snapshot(changes: Partial<MetricsSnapshot> = {}): MetricsSnapshot {
  return {
    engine: 'native',
    uptimeMs: 2000,
    submitted: 1000,
    completed: 1000,
    failed: 0,
    queueDepth: 0,
    running: 0,
    failuresByCode: {},
    fallbacks: 0,
    operations: {inference: group(10, 1000)},
    batchSizes: {1: 1000},
    settings: {queueCapacity: 500, batchMax: 32, batchDelayUs: 0, workerThreads: 1},
    ...changes,
  }
}

const ids = (changes: Partial<MetricsSnapshot>, goals = {}) => advise([snapshot(changes)], goals).map(({id}) => id)

describe('advise', () => {
  it('says nothing where all is well', () => {
    expect(advise([snapshot()])).to.deep.equal([])
  })

  it('finds a batch delay in which nobody comes', () => {
    const settings = {queueCapacity: 500, batchMax: 32, batchDelayUs: 5000, workerThreads: 1}
    const operations = {inference: group(5100, 1000)}
    const [found] = advise([snapshot({operations, settings})])
    expect(found).to.include({id: 'batch-delay-too-long', setting: 'batching.delay_us'})
    expect(found!.because).to.equal(
      'Half of all inferences waited 5.10 ms or longer with a delay of 5.00 ms, and 1.0 ran together on average.',
    )
    // With eight in each inference the delay is worth it.
    expect(ids({batchSizes: {8: 125}, operations, settings})).to.deep.equal([])
  })

  it('finds a queue that is too short', () => {
    const [found] = advise([snapshot({failuresByCode: {QUEUE_FULL: 50}})])
    expect(found!.id).to.equal('queue-too-short')
    expect(found!.advice).to.contain('Raise queue.capacity to 1000')
    expect(found!.because).to.equal('50 of 1000 operations (5.0 %) were refused because 500 waited already.')
  })

  it('finds a device that waits for work while operations wait for it', () => {
    const [found] = advise([snapshot({uptimeMs: 100_000, operations: {inference: group(5000, 1000)}})])
    expect(found!.id).to.equal('device-starved')
    expect(found!.because).to.contain('The device computed 1.0 % of the time')
    // A busy device is not starved, however long operations wait.
    expect(ids({uptimeMs: 1200, operations: {inference: group(5000, 1000)}})).to.deep.equal([])
  })

  it('finds deadlines that nothing could keep', () => {
    const late = {failuresByCode: {DEADLINE_EXCEEDED: 200}, tooLate: times(300)}
    const [found] = advise([snapshot(late)])
    expect(found!.id).to.equal('deadline-unrealistic')
    expect(found!.advice).to.contain('shorter than one inference')
    expect(found!.because).to.contain(
      'half of them were given 300 µs or less, while an inference takes 1.00 ms by itself',
    )
    expect(ids({failuresByCode: {DEADLINE_EXCEEDED: 2}, tooLate: times(300)})).to.deep.equal([])
  })

  it('finds a model that does better on the CPU, over several snapshots', () => {
    const on = (device: string, computeUs: number) =>
      snapshot({models: [{model: 'silero-vad', device, ...group(1, computeUs)}]})
    const [found, ...others] = advise([on('NPU', 4000), on('CPU', 200)])
    expect(others).to.deep.equal([])
    expect(found!.id).to.equal('model-belongs-on-cpu')
    expect(found!.because).to.equal('Half of its inferences take 200 µs or less on the CPU and 4.00 ms on NPU.')
    expect(advise([on('NPU', 150), on('CPU', 200)])).to.deep.equal([])
    expect(advise([on('NPU', 4000)])).to.deep.equal([])
  })

  it('compares with the goals of the configuration', () => {
    const throughput = {last1s: 10, last10s: 10, last60s: 10}
    expect(ids({throughput}, {target_ops_per_sec: 100})).to.deep.equal(['target-not-reached'])
    expect(ids({throughput}, {target_ops_per_sec: 5})).to.deep.equal([])
    expect(ids({}, {max_latency_us: 100})).to.deep.equal(['target-not-reached'])
  })

  it('tells that a device is given less because it is hot', () => {
    const figures = {frequencyMhz: 700, maxFrequencyMhz: 1400, temperatureCelsius: null, powerWatts: null}
    const step = {
      atMs: 1,
      reason: 'clock 700 of 1400 MHz while busy',
      limitBefore: 4,
      limit: 2,
      batchDelayUs: 1000,
      figures,
    }
    const power = {
      NPU: {
        condition: 'throttled',
        reason: null,
        figures,
        places: 4,
        limit: 2,
        batchDelayUs: 1000,
        stepsTotal: 1,
        steps: [step],
      },
    } as const
    const [found] = advise([snapshot({power})])
    expect(found!.id).to.equal('throttled')
    expect(found!.because).to.equal('2 of 4 inferences at once are admitted, since clock 700 of 1400 MHz while busy.')
  })
})

describe('adviseOn', () => {
  it('reads what a running server has counted', async function () {
    const engine = await startNative(await requireNative(this), {queue: {capacity: 4}})
    await using server = await serverOver(engine, {token: true})
    await engine.submitBatch(Array.from({length: 200}, () => ({type: 'echo' as const})))
    const token = server.running.freshToken!
    const report = await adviseOn([server.running.url], {}, {token})
    expect(report.snapshots).to.deep.equal([server.running.url])
    expect(report.advice.map(({id}) => id)).to.deep.equal(['queue-too-short'])
    expect(report.advice[0]!.advice).to.contain('Raise queue.capacity to 8')

    await rejectionOf(adviseOn([server.running.url], {}), 'PROTOCOL_ERROR', /a token is needed/)
    await rejectionOf(adviseOn([server.running.url], {}, {token: 'wrong'}), 'PROTOCOL_ERROR', /cannot be used/)
  })

  it('says what is wrong with a server', async () => {
    await rejectionOf(adviseOn(['http://127.0.0.1:1'], {}), 'PROTOCOL_ERROR', /cannot be used/)
    await rejectionOf(adviseOn(['ftp://127.0.0.1'], {}), 'INVALID_ARGUMENT', /is not the URL of a server/)
    await using server = await testServer()
    // Its engine is none: what it calls statistics are no metrics.
    await rejectionOf(adviseOn([server.running.url], {}), 'INVALID_ARGUMENT', /is no snapshot of metrics/)
  })

  it('refuses what is no snapshot, naming the file and what is missing', async () => {
    const folder = await makeFolder()
    try {
      for (const [content, message] of [
        ['{', 'is no snapshot of metrics'],
        ['{"submitted": 1}', 'completed'],
      ] as const) {
        const file = path.join(folder, 'snapshot.json')
        await writeFile(file, content)
        const failure = await adviseOn([file], {}).catch((error: unknown) => error as NpuBridgeError)
        expect(failure).to.include({code: 'INVALID_ARGUMENT', exitCode: 2})
        expect((failure as NpuBridgeError).message)
          .to.contain(file)
          .and.contain(message)
      }
    } finally {
      await removeFolder(folder)
    }
  })
})
