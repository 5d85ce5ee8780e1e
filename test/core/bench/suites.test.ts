import {expect} from 'chai'

import type {Peer} from '../../../src/core/bench/peers/peer.ts'
import type {Suite, SuiteContext} from '../../../src/core/bench/suites/suite.ts'
import type {Engine, Operation} from '../../../src/core/engine/engine.ts'

import {QUICK} from '../../../src/core/bench/effort.ts'
import {measureCase, type Outcome} from '../../../src/core/bench/measure.ts'
import {openCompat} from '../../../src/core/bench/open-engine.ts'
import {type Openers, Participants} from '../../../src/core/bench/participants.ts'
import {seededRandom} from '../../../src/core/bench/random.ts'
import {inference} from '../../../src/core/bench/suites/inference.ts'
import {load} from '../../../src/core/bench/suites/load.ts'
import {python} from '../../../src/core/bench/suites/python.ts'
import {createLegacyEngine} from '../../../src/core/engine/legacy.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {withTestPython} from '../../support/test-python.ts'

const {signal} = new AbortController()
const EFFORT = {...QUICK, rounds: 2, roundMs: 2, load: {...QUICK.load, durationMs: 5}}

/** Answers at once, unless `fail` has something against the operation. */
function engineThat(fail: (operation: Operation) => NpuBridgeError | null): Engine {
  return {
    kind: 'native',
    async submit(operation: Operation) {
      const error = fail(operation)
      if (error) throw error
      return {data: {inputs: [{name: 'x', datatype: 'FP32', shape: [-1, 4]}], requests: 2}, queueUs: 1, computeUs: 2}
    },
    health: async () => ({devices: [{name: 'NPU', fullName: null, state: 'available'}]}),
    async shutdown() {},
  } as unknown as Engine
}

const willing = engineThat(() => null)

async function outcomesOf(
  suite: Suite,
  openers: Partial<Openers>,
  others: Partial<SuiteContext> = {},
): Promise<{notes: string[]; outcomes: Array<Record<string, Outcome>>}> {
  const notes: string[] = []
  await using participants = new Participants({
    engine: async () => willing,
    legacy: async () => createLegacyEngine(),
    compat: openCompat,
    ...openers,
  })
  const context: SuiteContext = {
    participants,
    effort: EFFORT,
    model: async () => 'm',
    modelFile: async () => '/models/m.onnx',
    otherDevices: async () => [],
    peers: [],
    signal,
    measureApart: notAsked,
    measureMemory: notAsked,
    measureStartup: notAsked,
    deviceFacts: notAsked,
    note(sentence) {
      notes.push(sentence)
    },
    ...others,
  }
  const outcomes: Array<Record<string, Outcome>> = []
  for (const work of await suite.cases(context)) {
    outcomes.push(await measureCase(work, {random: seededRandom(1), signal, onProgress() {}}))
  }

  return {notes, outcomes}
}

async function notAsked(): Promise<never> {
  throw new Error('nobody asks for this')
}

describe('the suite inference', () => {
  it('measures each other device, and one that cannot run the model says why', async () => {
    const broken = engineThat(({type}) =>
      type === 'load_model' ? new NpuBridgeError('MODEL_INVALID', 'GPU does not know the operation Foo') : null,
    )
    const {outcomes} = await outcomesOf(
      inference,
      {engine: async (_, device) => (device === 'gpu' ? broken : willing)},
      {otherDevices: async () => ['gpu', 'cpu']},
    )
    for (const {accelerated, accelerated_cpu: cpu, accelerated_gpu: gpu} of outcomes) {
      expect(gpu).to.deep.equal({absent: {status: 'failed', reason: 'GPU does not know the operation Foo'}})
      expect(accelerated).to.have.property('samples')
      expect(cpu).to.have.property('samples')
    }
  })

  it('gives other programs the same model, shapes, device, profile and requests, and closes them', async () => {
    const asked: unknown[] = []
    const closed: string[] = []
    const peer: Peer = {
      name: 'other',
      slow: true,
      async open(request) {
        asked.push(request)
        return {
          about: 'other 1.0',
          async run({window}) {
            asked.push(window)
            return {perSecond: 5, p50Us: 7, p99Us: null, latenciesUs: null}
          },
          async [Symbol.asyncDispose]() {
            closed.push(request.profile)
          },
        }
      },
    }
    const apart: number[] = []
    const measureApart: SuiteContext['measureApart'] = async (suite, index) => {
      expect(suite).to.equal('inference')
      apart.push(index)
      return {values: {[index === 0 ? 'throughput' : 'throughput_tuned']: 6}}
    }

    const {notes, outcomes} = await outcomesOf(inference, {}, {peers: [peer], measureApart})
    const common = {model: '/models/m.onnx', device: 'NPU', inputs: [{name: 'x', datatype: 'FP32', shape: [1, 4]}]}
    expect(asked).to.deep.equal([{...common, profile: 'latency'}, 1, 2, 1, 2, {...common, profile: 'throughput'}, 2, 2])
    expect(closed).to.have.members(['latency', 'throughput'])
    expect(outcomes[0]!.peer_other).to.deep.include({
      samples: {throughput: [5, 5], latency_p50: [7, 7], latency_p99: [], compute_p50: [7, 7]},
      lacks: {latency_p99: {status: 'not_available', reason: 'other tells the median only'}},
    })
    expect(notes).to.include(
      'other is other 1.0, with the same model, inputs, device and hint, and as many requests on the device at once as the engine has there.',
    )
    expect(apart).to.deep.equal([0, 0, 1, 1])
    expect(outcomes[0]!.accelerated).to.deep.include({
      samples: {throughput: [6, 6], latency_p50: [], latency_p99: [], compute_p50: []},
    })
    expect(outcomes[1]!.accelerated).to.deep.include({samples: {throughput_tuned: [6, 6]}})
    expect(notes).to.include('The model is m, its inputs x [1, 4].')
  })

  it('says that another program takes inputs of its own', async () => {
    const peer: Peer = {
      name: 'other',
      open: async () => ({
        about: 'other 1.0',
        ownInputs: true,
        run: async () => ({perSecond: 5, p50Us: 7, p99Us: null, latenciesUs: null}),
        async [Symbol.asyncDispose]() {},
      }),
    }
    const {notes} = await outcomesOf(inference, {}, {peers: [peer]})
    expect(notes.join('\n')).to.include('other is other 1.0, with the same model, shapes, device and hint')
  })

  it('says that another program is not here', async () => {
    const peer: Peer = {
      name: 'other',
      async open() {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'other is not installed')
      },
    }
    const {outcomes} = await outcomesOf(inference, {}, {peers: [peer]})
    expect(outcomes[0]!.peer_other).to.deep.equal({
      absent: {status: 'not_available', reason: 'other is not installed'},
    })
  })
})

describe('the suite load', () => {
  it('measures both sides, and tells queue and compute apart', async () => {
    const {notes, outcomes} = await outcomesOf(load, {})
    for (const side of ['legacy_without_sleep', 'accelerated']) {
      expect(outcomes[0]![side]).to.have.property('samples')
      expect(outcomes[0]![side]).to.have.nested.property('samples.goodput').that.has.lengthOf.at.least(1)
    }

    expect(outcomes[1]!.accelerated).to.have.property('distributions')
    expect(outcomes[1]!.accelerated)
      .to.have.property('distributions')
      .that.has.keys('inference under load', 'queue under load', 'compute under load')
    expect(notes).to.deep.equal([
      'Operations come independently of each other (Poisson), 1000 a second for 5 ms; in time is an answer within 10 ms.',
    ])
  })

  it('counts what is refused as missed, and has no latency then', async () => {
    const full = engineThat(({type}) => (type === 'load_model' ? null : new NpuBridgeError('QUEUE_FULL', 'full')))
    const {outcomes} = await outcomesOf(load, {engine: async () => full})
    const {accelerated} = outcomes[0]!
    expect(accelerated)
      .to.have.property('samples')
      .that.deep.includes({goodput: [0, 0], missed: [100, 100]})
    expect(accelerated).to.have.nested.property('samples.latency_p99').that.is.empty
    expect(accelerated).to.have.nested.property('lacks.latency_p99.reason', 'no operation was answered')
  })
})

describe('the suite python', () => {
  it('says where there is no Python package, and measures the old module', async () => {
    const compat = async (): Promise<never> => {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'the Python package npubridge is not installed')
    }

    const {outcomes} = await outcomesOf(python, {compat})
    expect(outcomes[0]!.accelerated).to.have.nested.property('absent.status', 'not_available')
    expect(outcomes[0]!.legacy_without_sleep).to.have.property('samples')
  })

  describe('with the package', () => {
    withTestPython()

    it('measures it by the program that measures the old module', async () => {
      const {outcomes} = await outcomesOf(python, {})
      for (const {accelerated} of outcomes) {
        expect(accelerated, JSON.stringify(accelerated)).to.have.property('samples')
        for (const values of Object.values((accelerated as {samples: object}).samples)) expect(values).to.not.be.empty
      }
    })
  })
})
