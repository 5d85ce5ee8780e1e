import {expect} from 'chai'
import {getEventListeners} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'

import type {Engine, InferenceOperation, Operation, SubmitOptions} from '../../../src/core/engine/engine.ts'

import {createNativeEngine, performanceMode} from '../../../src/core/engine/native.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {type NativeSetup, requireNative, startNative} from '../../support/native.ts'
import {itKeepsTheContract} from './contract.ts'

const WINDOW = 576

async function failure(promise: Promise<unknown>): Promise<NpuBridgeError> {
  try {
    await promise
  } catch (error) {
    expect(error).to.be.instanceOf(NpuBridgeError)
    return error as NpuBridgeError
  }

  throw new Error('it succeeded')
}

function speech(extra: Partial<InferenceOperation> = {}): InferenceOperation {
  const samples = Float32Array.from({length: WINDOW}, (_, index) => Math.sin(index / 5) / 3)
  return {type: 'inference', model: 'silero-vad', inputs: {input: {data: samples, shape: [1, WINDOW]}}, ...extra}
}

const zeros = () => ({data: new Float32Array(256), shape: [2, 1, 128]})
const one = () => ({data: Float32Array.of(1), shape: [1, 1]})

describe('native engine', () => {
  let setup: NativeSetup
  let engine: Engine

  before(async function () {
    setup = await requireNative(this, ['silero-vad', 'magika'])
  })

  beforeEach(async () => {
    engine = await startNative(setup)
  })

  afterEach(async () => {
    await engine?.shutdown()
  })

  const submit = async (operation: Operation, options?: SubmitOptions) => engine.submit(operation, options)

  describe('echo', () => {
    it('gives back what JSON can hold, and typed arrays as they are', async () => {
      for (const data of [null, true, 1.5, 'text €', [1, [2]], {a: {b: null}}]) {
        expect((await submit({type: 'echo', data})).data).to.deep.equal(data)
      }

      const large = {a: [2n ** 62n, -(2n ** 63n)], b: 7}
      expect((await submit({type: 'echo', data: large})).data).to.deep.equal(large)
      const array = BigInt64Array.of(2n ** 62n, -5n)
      expect((await submit({type: 'echo', data: array})).data).to.deep.equal(array)
      expect(await submit({type: 'echo'})).to.not.have.property('data')
    })

    it('lets the event loop go on while one is awaited after the other', async () => {
      const timer = {isOver: false}
      setTimeout(() => {
        timer.isOver = true
      }, 1)
      for (let left = 200_000; left > 0 && !timer.isOver; left--) await submit({type: 'echo'})
      expect(timer.isOver).to.equal(true)
    })

    it('listens to a signal once at the most, however many it may cancel', async () => {
      const {signal} = new AbortController()
      for (const count of [1, 8, 20]) {
        await Promise.all(Array.from({length: count}, async () => submit({type: 'echo'}, {signal})))
        expect(getEventListeners(signal, 'abort').length).to.be.at.most(1)
      }
    })

    it('answers a batch in order, each element for itself', async () => {
      const operations = Array.from({length: 5000}, (_, data): Operation => ({type: 'echo', data}))
      operations[17] = {type: 'inference', model: 'no-such-model', inputs: {}}
      const results = await engine.submitBatch(operations)
      expect(results).to.have.length(5000)
      for (const [index, result] of results.entries()) {
        if (index === 17) expect(result.ok).to.equal(false)
        else expect(result).to.include({ok: true, data: index})
      }
    })

    it('copies an array before the caller can change it', async () => {
      const data = Float32Array.of(1, 2, 3)
      const answer = submit({type: 'echo', data})
      data.fill(9)
      expect((await answer).data).to.deep.equal(Float32Array.of(1, 2, 3))
    })
  })

  describe('inference', () => {
    it('says what ran it and how long it took', async () => {
      const result = await submit({...speech(), inputs: {...speech().inputs, state: zeros()}})
      expect(result).to.include({device: 'CPU', engine: 'native', fallback: null})
      expect(result.outputs!.output!).to.include({datatype: 'FP32'}).and.have.deep.property('shape', [1, 1])
      expect(result.outputs!.stateN!.data).to.have.length(256)
      expect(result.computeUs).to.be.greaterThan(0)
      expect(result.totalUs).to.be.at.least(result.queueUs + result.computeUs - 1)
    })

    it('carries the state of a stream, apart for each stream, until the stream ends', async () => {
      const probability = async (stream: string, endOfStream = false) => {
        const {outputs} = await submit(speech({stream, endOfStream}))
        expect(Object.keys(outputs!)).to.deep.equal(['output'])
        return outputs!.output!.data[0]
      }

      const first = await probability('a')
      const second = await probability('a')
      expect(second).to.not.equal(first)
      expect(await probability('b')).to.equal(first)
      await probability('a', true)
      expect(await probability('a')).to.equal(first)
    })

    it('keeps the order of a stream when all is submitted at once', async () => {
      const inOrder: unknown[] = []
      for (let index = 0; index < 50; index++) {
        inOrder.push((await submit(speech({stream: 'one by one'}))).outputs!.output!.data[0])
      }

      const atOnce = await Promise.all(inOrder.map(async () => submit(speech({stream: 'at once'}))))
      expect(atOnce.map((result) => result.outputs!.output!.data[0])).to.deep.equal(inOrder)
    })

    it('gives each of many callers its own rows', async () => {
      const bytes = (fill: number) => ({data: new Int32Array(2048).fill(fill), shape: [1, 2048]})
      const operation = (fill: number): Operation => ({
        type: 'inference',
        model: 'magika',
        inputs: {bytes: bytes(fill)},
      })
      const fills = Array.from({length: 12}, (_, index) => index * 20)
      const alone = []
      for (const fill of fills) alone.push((await submit(operation(fill))).outputs!.target_label!)
      const together = await Promise.all(fills.map(async (fill) => submit(operation(fill))))
      for (const [index, result] of together.entries()) {
        const {data, shape} = result.outputs!.target_label!
        expect(shape).to.deep.equal([1, 214])
        for (const [place, value] of data.entries()) {
          expect(Number(value)).to.be.closeTo(Number(alone[index]!.data[place]), 1e-6)
        }
      }
    })

    it('multiplies matrices on the device', async () => {
      const a = {data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3]}
      const b = {data: Float32Array.of(1, 0, 0, 1, 1, 1), shape: [3, 2]}
      const {device, outputs} = await submit({type: 'matrix_multiply', inputs: {a, b}})
      expect(device).to.equal('CPU')
      expect(outputs!.product).to.deep.equal({data: Float32Array.of(4, 5, 10, 11), shape: [2, 2], datatype: 'FP32'})
    })

    it('keeps apart what answers of any size carry, also after later ones came', async () => {
      const sizes = Array.from({length: 400}, (_, at) => [1, 9, 700, 3000, 7001, 8192, 8193, 20_000][at % 8]!)
      const rounds = []
      for (let round = 0; round < 2; round++) {
        const answers = sizes.map(async (size, at) => {
          const array = await submit({type: 'echo', data: new Float64Array(size).fill(round + at / 1000)})
          const text = await submit({type: 'echo', data: `${at} `.repeat(size)})
          return {array: array.data as Float64Array, text: text.data as string}
        })
        rounds.push(await Promise.all(answers))
      }

      for (const [round, answers] of rounds.entries()) {
        for (const [at, {array, text}] of answers.entries()) {
          expect(array).to.have.length(sizes[at]!)
          expect(array.every((value) => value === round + at / 1000)).to.equal(true)
          expect(text === `${at} `.repeat(sizes[at]!)).to.equal(true)
        }
      }
    })

    it('returns large outputs whole', async () => {
      const size = 256
      const a = {data: new Float32Array(size * size).fill(1), shape: [size, size]}
      const {outputs} = await submit({type: 'matrix_multiply', inputs: {a, b: a}})
      expect(outputs!.product!.data).to.have.length(size * size)
      expect((outputs!.product!.data as Float32Array).every((value) => value === size)).to.equal(true)
    })
  })

  describe('large inputs', () => {
    const size = 512
    const matrix = (buffer?: ArrayBuffer) => {
      const data = buffer ? new Float32Array(buffer, 0, size * size) : new Float32Array(size * size)
      return {data: data.fill(1), shape: [size, size]}
    }

    it('are detached when they are transferred', async () => {
      const [a, b] = [matrix(), matrix()]
      const answer = submit({type: 'matrix_multiply', inputs: {a, b}, transfer: true})
      expect(a.data.byteLength).to.equal(0)
      expect((await answer).outputs!.product!.data[0]).to.equal(size)
    })

    it('may be changed, transferred, resized and truncated by their owner at once', async () => {
      const resizable = new ArrayBuffer(size * size * 4, {maxByteLength: size * size * 8})
      const inputs = {a: matrix(resizable), b: matrix()}
      const answer = submit({type: 'matrix_multiply', inputs})
      inputs.b.data.fill(7)
      structuredClone(inputs.b.data.buffer, {transfer: [inputs.b.data.buffer]})
      resizable.resize(16)
      const product = (await answer).outputs!.product!.data as Float32Array
      expect(product.every((value) => value === size)).to.equal(true)
    })
  })

  describe('cancellation and deadlines', () => {
    it('refuses what was aborted before', async () => {
      expect((await failure(submit(speech(), {signal: AbortSignal.abort()}))).code).to.equal('CANCELLED')
    })

    it('cancels what waits, and the rest runs', async () => {
      const controller = new AbortController()
      const running = Array.from({length: 50}, async () => submit(speech({stream: 's'})))
      const cancelled = failure(submit(speech({stream: 's'}), {signal: controller.signal}))
      const after = submit(speech({stream: 's'}))
      queueMicrotask(() => {
        controller.abort()
      })
      expect((await cancelled).code).to.equal('CANCELLED')
      await Promise.all(running)
      expect((await after).outputs).to.have.property('output')
    })

    it('answers late operations while the device is busy', async () => {
      const busy = Array.from({length: 300}, async () => submit(speech({stream: 's'})))
      const error = await failure(submit(speech({stream: 's'}), {timeoutMs: 1}))
      expect(error.code).to.equal('DEADLINE_EXCEEDED')
      await Promise.all(busy)
    })

    it('takes timeouts of any length', async () => {
      await submit({type: 'echo'}, {timeoutMs: Number.MAX_VALUE})
      await submit({type: 'echo'}, {timeoutMs: 2 ** 33})
    })
  })

  describe('wrong operations', () => {
    const tensors = (input: InferenceOperation['inputs'][string]) => speech({inputs: {input, state: zeros()}})
    const narrow = {a: {data: new Float32Array(2), shape: [1, 2]}, b: {data: new Float32Array(3), shape: [3, 1]}}
    const cases: Array<[what: string, operation: Operation, code: string, message: RegExp]> = [
      ['an unknown type', {type: 'fly'} as unknown as Operation, 'UNSUPPORTED_OPERATION', /type is "fly"/],
      ['a model nobody has', speech({model: 'nobody'}), 'MODEL_NOT_FOUND', /no model is named "nobody"/],
      ['a path to nothing', speech({model: './no/such.onnx'}), 'MODEL_NOT_FOUND', /such\.onnx does not exist/],
      ['a missing input', speech(), 'INVALID_ARGUMENT', /inputs\.state is missing/],
      [
        'an unknown input',
        speech({inputs: {sound: zeros()}}),
        'INVALID_ARGUMENT',
        /inputs\.sound is not an input of silero-vad; it takes input FP32 \[1,576\]/,
      ],
      [
        'a wrong shape',
        tensors({data: new Float32Array(575), shape: [1, 575]}),
        'SHAPE_MISMATCH',
        /inputs\.input\.shape is \[1,575\], silero-vad takes \[1,576\]/,
      ],
      [
        'a shape that the data does not have',
        tensors({data: new Float32Array(10), shape: [1, 576]}),
        'SHAPE_MISMATCH',
        /shape \[1, 576\] of FP32 takes 2304 bytes, the data has 40/,
      ],
      [
        'a wrong type',
        tensors({data: new Int32Array(576), shape: [1, 576]}),
        'DTYPE_MISMATCH',
        /inputs\.input is INT32, silero-vad takes FP32/,
      ],
      [
        'an Array for a tensor',
        tensors({data: [1, 2] as unknown as Float32Array, shape: [2]}),
        'DTYPE_MISMATCH',
        /inputs\.input\.data is an Array/,
      ],
      [
        'a negative size',
        tensors({data: new Float32Array(2), shape: [-2]}),
        'INVALID_ARGUMENT',
        /inputs\.input\.shape is \[-2\]/,
      ],
      [
        'matrices that do not fit',
        {type: 'matrix_multiply', inputs: narrow},
        'SHAPE_MISMATCH',
        /the columns of a must be as many as the rows of b/,
      ],
      [
        'a stream of a model without state',
        speech({model: 'magika', stream: 's', inputs: {}}),
        'INVALID_ARGUMENT',
        /magika has no state/,
      ],
    ]
    for (const [what, operation, code, message] of cases) {
      it(`${what} gives ${code} naming it`, async () => {
        const error = await failure(submit(operation))
        expect(error.message).to.match(message)
        expect(error.code).to.equal(code)
        expect((await submit({type: 'echo', data: 1})).data).to.equal(1)
      })
    }

    it('wrong options are named', async () => {
      const wrong = {priority: 'urgent'} as unknown as SubmitOptions
      expect((await failure(submit({type: 'echo'}, wrong))).message).to.match(/priority is "urgent"/)
      expect((await failure(submit({type: 'echo'}, {timeoutMs: -1}))).message).to.match(/timeoutMs is -1/)
      expect((await failure(submit({type: 'echo'}, {timeoutMs: NaN}))).code).to.equal('INVALID_ARGUMENT')
    })
  })

  describe('models', () => {
    it('are described when loaded, and gone when unloaded', async () => {
      const {data, device} = await submit({type: 'load_model', model: 'silero-vad'})
      expect(device).to.equal('CPU')
      expect(data).to.deep.include({state: [{output: 'stateN', input: 'state'}], maxBatch: 1})
      expect((await engine.health()).models).to.deep.equal(['silero-vad'])
      await submit({type: 'unload_model', model: 'silero-vad'})
      expect((await engine.health()).models).to.deep.equal([])
      expect((await failure(submit({type: 'unload_model', model: 'silero-vad'}))).code).to.equal('MODEL_NOT_FOUND')
    })

    it('are computed as they are written on the CPU, whatever else the processor has', async () => {
      const {data} = await submit({type: 'load_model', model: 'magika', shapes: {bytes: [2, 2048]}})
      expect(data).to.have.nested.property('effective.INFERENCE_PRECISION_HINT', 'f32')
    })

    it('take fixed shapes', async () => {
      const load: Operation = {type: 'load_model', model: 'magika', shapes: {bytes: [2, 2048]}}
      expect((await submit(load)).data)
        .to.have.nested.property('inputs[0].shape')
        .that.deep.equals([2, 2048])
      const other: Operation = {type: 'load_model', model: 'magika', shapes: {bytes: [3, 2048]}}
      expect((await failure(submit(other))).message).to.match(/loaded with other shapes/)
    })
  })

  describe('its state', () => {
    it('is told by health and metrics', async () => {
      await submit({...speech(), inputs: {...speech().inputs, state: zeros()}})
      const health = await engine.health()
      expect(health).to.include({status: 'ok', engine: 'native', performanceMode: 'cpu', fallback: null})
      expect(health.runtime!.version).to.match(/^2026\./)
      expect(health.devices[0]!.fullName).to.be.a('string')
      const metrics = engine.metrics()
      expect(metrics).to.include({engine: 'native', completed: 1, failed: 0})
      expect(metrics.operations.inference!.total.count).to.equal(1)
    })

    it('tells latencies by what they belong to, what is taken of what there is, and how devices do', async () => {
      await engine.submitBatch(
        Array.from({length: 100}, () => ({type: 'echo'}) as const),
        {priority: 'high'},
      )
      await submit({...speech(), inputs: {...speech().inputs, state: zeros()}})
      const metrics = engine.metrics()
      expect(metrics.priorities!.high!.total.count).to.equal(100)
      expect(metrics.devices!.CPU!.compute.p999).to.be.greaterThan(0)
      expect(metrics.models!.map(({device, model}) => `${model} on ${device}`)).to.deep.equal(['silero-vad on CPU'])
      expect(metrics.batchSizes).to.deep.equal({1: 1})
      expect(metrics.queueDepthByPriority).to.deep.equal({low: 0, normal: 0, high: 0, critical: 0, realtime: 0})
      expect(metrics.breakers).to.deep.equal({CPU: {state: 'closed', failures: 0, opened: 0, reason: null}})
      expect([metrics.retries, metrics.abandoned]).to.deep.equal([0, 0])
      const {cpuCores, npuSlots, systemMemory} = metrics.resources!
      expect(systemMemory.used).to.be.greaterThan(100_000).and.equal(metrics.memory!.models)
      expect(systemMemory.limit).to.be.greaterThan(systemMemory.used)
      expect(cpuCores.limit).to.be.at.least(1)
      expect(npuSlots).to.deep.equal({used: 0, limit: null})
      expect(metrics.memory!.processResident).to.be.within(1e7, 1e11)
      await sleep(1100)
      expect(engine.metrics().throughput!.last10s).to.be.greaterThan(0)
      const text = engine.metricsText().split('\n')
      expect(text).to.include.members([
        'npubridge_priority_total_seconds_count{priority="high"} 100',
        'npubridge_device_state{device="CPU",state="closed"} 1',
        `npubridge_resource_used{resource="system_memory_bytes"} ${systemMemory.used}`,
      ])
    })

    it('keeps no latencies when it is told so', async () => {
      await using plain = await startNative(setup, {metrics: false})
      await plain.submit({type: 'echo'})
      expect(plain.metrics()).to.deep.include({completed: 1, operations: {}})
    })

    it('keeps models to the memory it is given, and says what can never fit', async () => {
      await using small = await startNative(setup, {resources: {memoryMb: 0.5}})
      const error = await failure(small.submit({type: 'load_model', model: 'silero-vad'}))
      expect(error.code).to.equal('RESOURCE_EXHAUSTED')
      expect(error.message).to.match(/silero-vad needs at least \d{6,} bytes of memory, the limit for models is 524288/)
      expect(small.metrics().resources!.systemMemory).to.deep.equal({used: 0, limit: 524_288})
    })

    it('names the first choice and the reason when it runs on another device', async () => {
      const rejected = [{candidate: 'NPU', reason: 'there is none'}]
      await using other = await startNative(setup, {rejected})
      const {fallback} = await other.submit({type: 'matrix_multiply', inputs: {a: one(), b: one()}})
      expect(fallback).to.deep.equal({from: 'NPU', to: 'CPU', reason: 'NPU: there is none'})
      expect((await other.health()).fallback).to.deep.equal(fallback)
      expect(other.metrics().fallbacks).to.equal(1)
    })

    it('names performance modes by device', () => {
      const modes = ['NPU', 'GPU.0', 'CPU', undefined].map((device) => performanceMode(device))
      expect(modes).to.deep.equal(['npu', 'gpu', 'cpu', 'cpu'])
    })
  })

  describe('a full queue', () => {
    const queue = {capacity: 8}

    it('refuses with depth and capacity', async () => {
      await using small = await startNative(setup, {queue, workerThreads: 1})
      const results = await small.submitBatch(Array.from({length: 64}, () => ({type: 'echo'}) as const))
      const refused = results.filter((result) => !result.ok)
      expect(refused).to.not.be.empty
      expect(refused[0]).to.have.nested.property('error.code', 'QUEUE_FULL')
      const full = /8 operations wait and the queue takes 8/
      expect(refused[0]).to.have.nested.property('error.message').that.matches(full)
    })

    it('refuses by priority where each has a limit', async () => {
      const perPriority = [2, null, null, null, null]
      await using small = await startNative(setup, {queue: {perPriority}, workerThreads: 1})
      const echoes = Array.from({length: 100}, () => ({type: 'echo'}) as const)
      const [low, high] = await Promise.all([
        small.submitBatch(echoes, {priority: 'low'}),
        small.submitBatch(echoes, {priority: 'high'}),
      ])
      expect(high.every(({ok}) => ok)).to.equal(true)
      const refused = low.find(({ok}) => !ok)
      expect(refused)
        .to.have.nested.property('error.message')
        .that.matches(/2 operations of this priority wait/)
    })

    it('holds operations back by priority, and lets go those whose time is up or that are aborted', async () => {
      const perPriority = [1, null, null, null, null]
      await using small = await startNative(setup, {queue: {perPriority, policy: 'wait'}})
      const busy = small.submit({type: 'benchmark', kind: 'echo', durationMs: 2000}, {priority: 'low'})
      const controller = new AbortController()
      const late = failure(small.submit({type: 'echo'}, {priority: 'low', timeoutMs: 50}))
      const aborted = failure(small.submit({type: 'echo'}, {priority: 'low', signal: controller.signal}))
      const patient = small.submit({type: 'echo', data: 'patient'}, {priority: 'low'})
      let isBusy = true
      void busy.then(() => {
        isBusy = false
      })
      expect((await small.submit({type: 'echo', data: 1})).data).to.equal(1)
      controller.abort()
      expect((await aborted).code).to.equal('CANCELLED')
      expect((await late).code).to.equal('DEADLINE_EXCEEDED')
      expect(isBusy, 'they ended while the first still ran').to.equal(true)
      await busy
      expect((await patient).data).to.equal('patient')
    })

    it('holds operations back when it is told to wait', async () => {
      await using small = await startNative(setup, {queue: {...queue, policy: 'wait'}})
      const results = await Promise.all(
        Array.from({length: 500}, async (_, data) => small.submit({type: 'echo', data})),
      )
      expect(results.map((result) => result.data)).to.deep.equal(Array.from({length: 500}, (_, index) => index))
    })
  })

  describe('shutdown', () => {
    it('drains what is queued', async () => {
      const answers = Promise.all(Array.from({length: 100}, async () => submit(speech({stream: 's'}))))
      await Promise.all([answers, engine.shutdown({drainMs: 10_000})])
      expect(await answers).to.have.length(100)
    })

    it('cancels what does not fit into the time, and refuses what comes after', async () => {
      const outcome = async (promise: Promise<unknown>) =>
        promise.then(() => 'done').catch((error: unknown) => (error as NpuBridgeError).code)
      const answers = Array.from({length: 2000}, async () => outcome(submit(speech({stream: 's'}))))
      await engine.shutdown()
      expect(new Set(await Promise.all(answers))).to.include('CANCELLED')
      expect((await failure(submit({type: 'echo'}))).code).to.equal('CANCELLED')
    })
  })
})

describe('native engine', () => {
  let setup: NativeSetup

  before(async function () {
    setup = await requireNative(this, ['silero-vad'])
  })

  itKeepsTheContract(
    () => ({
      kind: 'native',
      create: async ({capacity}) => startNative(setup, capacity === undefined ? {} : {queue: {capacity}}),
      canRoute: true,
      canMultiply: true,
      runsModels: true,
      inference: {...speech(), inputs: {...speech().inputs, state: zeros()}},
    }),
    {serial: false},
  )
})

describe('native engine without a runtime', () => {
  it('says so when a device is first needed, and echoes all the same', async function () {
    const {modelsFolder} = await requireNative(this)
    await using engine = await createNativeEngine({devices: ['CPU'], modelsFolder, runtimeFolder: '/nonexistent'})
    expect((await engine.submit({type: 'echo', data: 1})).data).to.equal(1)
    // This process may have loaded a runtime before, for which another path is an argument that cannot be honoured.
    const error = await failure(engine.submit({type: 'initialize'}))
    expect(error.code).to.be.oneOf(['RUNTIME_NOT_FOUND', 'INVALID_ARGUMENT'])
    expect(error.message).to.contain('/nonexistent')
  })

  it('names what is wrong with its configuration', async function () {
    await requireNative(this)
    const profile = 'fast' as 'latency'
    const wrong = createNativeEngine({devices: ['CPU'], modelsFolder: 'none', profile})
    expect((await failure(wrong)).message).to.match(/`fast`/)
    const unknown: object = {memory: 1}
    for (const [resources, expected] of [
      [{npuSlots: 0}, /resources\.npu_slots is 0, it must be at least 1/],
      [{memoryMb: -1}, /resources\.memory_mb is -1, it must not be negative/],
      [unknown, /unknown field `memory`/],
    ] as const) {
      const error = await failure(createNativeEngine({devices: ['CPU'], modelsFolder: 'none', resources}))
      expect(error.code).to.equal('CONFIG_INVALID')
      expect(error.message).to.match(expected)
    }
  })
})
