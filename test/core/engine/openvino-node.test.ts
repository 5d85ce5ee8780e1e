import {expect} from 'chai'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'

import type {Engine, InferenceOperation, TensorData} from '../../../src/core/engine/engine.ts'

import {loadPeer, type Peer} from '../../../src/core/engine/openvino-node-peer.ts'
import {createOpenVinoNodeEngine, type OpenVinoNodeOptions} from '../../../src/core/engine/openvino-node.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {codeOf, itKeepsTheContract} from './contract.ts'
import {type FakeModel, fakePeer, type FakePeerOptions, type FakeTensor, tensor} from './fake-peer.ts'

describe('openvino-node engine', () => {
  let folder: string
  const started: Engine[] = []

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'npubridge-openvino-node-'))
  })

  afterEach(async () => {
    for (const engine of started) await engine.shutdown({drainMs: 0})
    started.length = 0
    rmSync(folder, {recursive: true})
  })

  /** A file for the fake to read; what it does is given to the fake. */
  function modelFile(name = 'model.xml'): string {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), {recursive: true})
    writeFileSync(file, '')
    return file
  }

  async function start(peer: Peer, options: Partial<OpenVinoNodeOptions> = {}): Promise<Engine> {
    const engine = await createOpenVinoNodeEngine({
      devices: ['CPU'],
      modelsFolder: path.join(folder, 'models'),
      cacheFolder: path.join(folder, 'cache'),
      peer,
      ...options,
    })
    started.push(engine)
    return engine
  }

  async function startWith(model: FakeModel, options: FakePeerOptions & Partial<OpenVinoNodeOptions> = {}) {
    const file = modelFile()
    const peer = fakePeer({...options, models: {[file]: model}})
    const {devices = ['CPU']} = options
    return {engine: await start(peer, {...options, devices}), file, journal: peer.journal}
  }

  async function failureOf(promise: Promise<unknown>): Promise<NpuBridgeError> {
    const outcome = await promise.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(NpuBridgeError)
    return outcome as NpuBridgeError
  }

  const DOUBLE: FakeModel = {
    inputs: [{name: 'x', shape: [1, 2]}],
    outputs: [{name: 'y', shape: [1, 2]}],
    run: ({x}) => ({
      y: tensor(
        (x!.getData() as Float32Array).map((value) => 2 * value),
        [1, 2],
      ),
    }),
  }
  const x = (data: TensorData = Float32Array.of(1, 2), shape = [1, 2]) => ({x: {data, shape}})

  describe('over a stand-in for the package', () => {
    itKeepsTheContract(() => {
      const file = modelFile()
      return {
        kind: 'openvino-node',
        create: async (options) => start(fakePeer({models: {[file]: DOUBLE}}), options),
        occupy: (ms) => [{type: 'benchmark', kind: 'echo', durationMs: ms}],
        canRoute: false,
        canMultiply: true,
        runsModels: true,
        inference: {type: 'inference', model: file, inputs: x()},
      }
    })
  })

  const installed = peerThatLoads()
  if (installed) {
    describe('over the installed package', () => {
      itKeepsTheContract(() => ({
        kind: 'openvino-node',
        create: async (options) => start(installed, options),
        occupy: (ms) => [{type: 'benchmark', kind: 'echo', durationMs: ms}],
        canRoute: false,
        canMultiply: true,
        runsModels: true,
      }))
    })
  }

  it('says which device, runtime and performance mode it has', async () => {
    const engine = await start(fakePeer(), {devices: ['NPU', 'CPU']})
    expect(await engine.health()).to.deep.include({
      performanceMode: 'npu',
      runtime: {folder: '/fake/openvino-node', version: '2026.4.0'},
      devices: [
        {name: 'NPU', fullName: 'Fake NPU', state: 'available'},
        {name: 'CPU', fullName: 'Fake CPU', state: 'available'},
      ],
    })
  })

  it('runs an inference and says on which device', async () => {
    const {engine, file} = await startWith(DOUBLE)
    const result = await engine.submit({type: 'inference', model: file, inputs: x()})
    expect(result.outputs!.y).to.deep.equal({data: Float32Array.of(2, 4), shape: [1, 2], datatype: 'FP32'})
    expect(result).to.include({device: 'CPU', fallback: null})
  })

  it('gives inputs by their position in the model, whatever order they come in', async () => {
    const minus: FakeModel = {
      inputs: [
        {name: 'minuend', shape: [1]},
        {name: 'subtrahend', shape: [1]},
      ],
      outputs: [{name: 'difference', shape: [1]}],
      run: ({minuend, subtrahend}) => ({
        difference: tensor(Float32Array.of(Number(minuend!.getData()[0]) - Number(subtrahend!.getData()[0])), [1]),
      }),
    }
    const {engine, file} = await startWith(minus)
    const one = (value: number) => ({data: Float32Array.of(value), shape: [1]})
    const inputs = {subtrahend: one(2), minuend: one(7)}
    const {outputs} = await engine.submit({type: 'inference', model: file, inputs})
    expect(outputs!.difference!.data[0]).to.equal(5)
  })

  it('copies what it is not given, wherever it lies in its buffer', async () => {
    let seen: TensorData | undefined
    const keep: FakeModel = {
      ...DOUBLE,
      run({x: input}) {
        seen = (input as FakeTensor).memory
        return {y: input!}
      },
    }
    const {engine, file} = await startWith(keep)
    const whole = Float32Array.of(0, 1, 2)
    await engine.submit({type: 'inference', model: file, inputs: x(whole.subarray(1))})
    expect(seen).to.deep.equal(Float32Array.of(1, 2))
    expect(seen!.buffer).to.not.equal(whole.buffer)
    await engine.submit({type: 'inference', model: file, inputs: x(whole.subarray(1)), transfer: true})
    expect(whole).to.deep.equal(Float32Array.of(0, 1, 2))
  })

  it('uses in place what it is given, and detaches it', async () => {
    const {engine, file} = await startWith(DOUBLE)
    const given = Float32Array.of(3, 4)
    const operation: InferenceOperation = {type: 'inference', model: file, inputs: x(given), transfer: true}
    const {outputs} = await engine.submit(operation)
    expect(outputs!.y!.data).to.deep.equal(Float32Array.of(6, 8))
    expect(given).to.have.lengthOf(0)
  })

  it('loads a model once, however many ask for it, and again after it was unloaded', async () => {
    const {engine, file, journal} = await startWith(DOUBLE)
    const infer = async () => engine.submit({type: 'inference', model: file, inputs: x()})
    await Promise.all([infer(), infer(), infer()])
    expect(journal.compiled).to.have.lengthOf(1)
    expect(journal.requests).to.equal(1)
    expect((await engine.health()).models).to.deep.equal([file])
    await engine.submit({type: 'unload_model', model: file})
    expect((await failureOf(engine.submit({type: 'unload_model', model: file}))).code).to.equal('MODEL_NOT_FOUND')
    await infer()
    expect(journal.compiled).to.have.lengthOf(2)
  })

  it('tells the ports of a model that it loads, and reshapes it when asked to', async () => {
    const {engine, file, journal} = await startWith({...DOUBLE, inputs: [{name: 'x', shape: [-1, 2]}]})
    const result = await engine.submit({type: 'load_model', model: file})
    expect(result.data).to.deep.equal({
      device: 'CPU',
      inputs: [{name: 'x', datatype: 'FP32', shape: [-1, 2]}],
      outputs: [{name: 'y', datatype: undefined, shape: [1, 2]}],
    })
    await engine.submit({type: 'load_model', model: file, shapes: {x: [1, 2]}})
    expect(journal.reshaped).to.deep.equal([new Map([['x', '[1,2]']])])
    const wrong = async (shapes: Record<string, number[]>) =>
      codeOf(engine.submit({type: 'load_model', model: file, shapes}))
    expect(await wrong({z: [1]})).to.equal('INVALID_ARGUMENT')
    expect(await wrong({x: [7]})).to.equal('SHAPE_MISMATCH')
  })

  it('takes a model by its name in the catalogue', async () => {
    const file = modelFile('models/double/double.onnx')
    writeFileSync(path.join(folder, 'models/double/model.json'), JSON.stringify({file: 'double.onnx', state: []}))
    const engine = await start(fakePeer({models: {[file]: DOUBLE}}))
    const {outputs} = await engine.submit({type: 'inference', model: 'double', inputs: x()})
    expect(outputs!.y!.data).to.deep.equal(Float32Array.of(2, 4))
  })

  it('compiles for its profile, with a cache of its own', async () => {
    const {engine, file, journal} = await startWith(DOUBLE, {profile: 'throughput'})
    await engine.submit({type: 'load_model', model: file})
    expect(journal.compiled[0]!.config).to.deep.equal({
      CACHE_DIR: path.join(folder, 'cache', 'openvino-node'),
      INFERENCE_PRECISION_HINT: 'f32',
      PERFORMANCE_HINT: 'THROUGHPUT',
    })
  })

  it('takes the next device when a model does not compile, and says so in each result', async () => {
    const refuses = {NPU: 'Exception from src/core.cpp:1:\nlong story', GPU: 'no'}
    const {engine, file} = await startWith(DOUBLE, {devices: ['NPU', 'GPU', 'CPU'], refuses})
    const result = await engine.submit({type: 'inference', model: file, inputs: x()})
    expect(result).to.deep.include({
      device: 'CPU',
      fallback: {from: 'NPU', to: 'CPU', reason: 'Exception from src/core.cpp:1:'},
    })
    expect(engine.metrics().fallbacks).to.equal(1)
  })

  it('says what every device said when none takes the model, and tries again the next time', async () => {
    const {engine, file} = await startWith(DOUBLE, {devices: ['NPU'], refuses: {NPU: 'no memory'}})
    const error = await failureOf(engine.submit({type: 'load_model', model: file}))
    expect(error.code).to.equal('MODEL_INVALID')
    expect(error.message).to.include('(NPU: no memory)')
    expect((await engine.health()).models).to.deep.equal([])
  })

  it('refuses inputs that do not fit, with place, value and what fits', async () => {
    const ids = {...DOUBLE, inputs: [{name: 'x', shape: [1, -1], array: BigInt64Array}]}
    const {engine, file} = await startWith(ids)
    const infer = async (inputs: InferenceOperation['inputs']) =>
      failureOf(engine.submit({type: 'inference', model: file, inputs}))
    const tokens = BigInt64Array.of(1n, 2n)
    expect(await infer(x(tokens, [2, 1]))).to.include({code: 'SHAPE_MISMATCH'})
    expect((await infer(x(tokens, [2, 1]))).message).to.equal(`inputs.x.shape is [2,1], the model ${file} takes [1,?]`)
    expect((await infer(x())).message).to.equal(`inputs.x is FP32, the model ${file} takes INT64`)
    expect(await infer(x())).to.include({code: 'DTYPE_MISMATCH'})
    expect((await infer({})).message).to.equal(`inputs.x is missing: the model ${file} takes x`)
    expect(await infer({...x(tokens), z: x().x})).to.include({code: 'INVALID_ARGUMENT'})
  })

  it('has no half-precision tensors, and says where they run', async () => {
    const {engine, file} = await startWith(DOUBLE)
    const half = {data: new Uint16Array(2), shape: [1, 2], datatype: 'FP16' as const}
    const error = await failureOf(engine.submit({type: 'inference', model: file, inputs: {x: half}}))
    expect(error.code).to.equal('DTYPE_MISMATCH')
  })

  it('tells what the runtime said of a failed inference, and uses another request the next time', async () => {
    let failures = 1
    const flaky: FakeModel = {
      ...DOUBLE,
      async run(inputs) {
        if (failures-- > 0) throw new Error('Can not set tensor: element type is wrong\ndetails')
        return DOUBLE.run(inputs)
      },
    }
    const {engine, file, journal} = await startWith(flaky)
    const error = await failureOf(engine.submit({type: 'inference', model: file, inputs: x()}))
    expect(error.code).to.equal('DTYPE_MISMATCH')
    expect(error.message).to.match(/ failed: Can not set tensor: element type is wrong$/)
    expect(await codeOf(engine.submit({type: 'inference', model: file, inputs: x()}))).to.equal('ok')
    expect(journal.requests).to.equal(2)
  })

  it('says that a model is not there, or none', async () => {
    const engine = await start(fakePeer())
    const load = async (model: string) => failureOf(engine.submit({type: 'load_model', model}))
    expect(await load('no-such')).to.deep.include({code: 'MODEL_NOT_FOUND'})
    expect((await load('no-such')).suggestions).to.include('npubridge models pull no-such')
    expect(await load(path.join(folder, 'none.onnx'))).to.include({code: 'MODEL_NOT_FOUND'})
    expect(await load(modelFile('text.onnx'))).to.include({code: 'MODEL_INVALID'})
  })

  it('runs as many inferences at a time as its profile has, each on a request of its own', async () => {
    let running = 0
    let most = 0
    const slow: FakeModel = {
      ...DOUBLE,
      async run(inputs) {
        most = Math.max(most, ++running)
        await setTimeout(20)
        running--
        return DOUBLE.run(inputs)
      },
    }
    for (const [profile, expected] of [
      ['latency', 1],
      ['throughput', 4],
    ] as const) {
      most = 0
      const {engine, file, journal} = await startWith(slow, {profile})
      const operations = Array.from({length: 10}, (): InferenceOperation => ({
        type: 'inference',
        model: file,
        inputs: x(),
      }))
      const results = await engine.submitBatch(operations)
      expect(results.every(({ok}) => ok)).to.equal(true)
      expect(most).to.equal(expected)
      expect(journal.requests).to.equal(expected)
    }
  })

  describe('of a recurrent model', () => {
    const COUNTER: FakeModel = {
      inputs: [
        {name: 'step', shape: [1]},
        {name: 'state', shape: [2, -1], array: Float64Array},
      ],
      outputs: [
        {name: 'sum', shape: [1]},
        {name: 'stateN', shape: [2, -1]},
      ],
      async run({state, step}) {
        await setTimeout(1)
        const next = (state!.getData() as Float64Array).map((value) => value + Number(step!.getData()[0]))
        return {sum: tensor(Float32Array.of(next[0]!), [1]), stateN: tensor(next, [2, 1])}
      },
    }
    const step = (file: string, stream: string, rest: Partial<InferenceOperation> = {}): InferenceOperation => ({
      type: 'inference',
      model: file,
      inputs: {step: {data: Float32Array.of(1), shape: [1]}},
      stream,
      ...rest,
    })

    it('carries the state within a stream, in order, beginning with zeros', async () => {
      const {engine, file} = await startWith(COUNTER, {profile: 'throughput'})
      const streams = ['a', 'a', 'b', 'a', 'b']
      const results = await Promise.all(
        streams.map(async (stream, index) =>
          engine.submit(step(file, stream), {priority: index === 3 ? 'realtime' : 'low'}),
        ),
      )
      expect(results.map(({outputs}) => outputs!.sum!.data[0])).to.deep.equal([1, 2, 1, 3, 2])
    })

    it('begins anew after the end of the stream, and after the model was unloaded', async () => {
      const {engine, file} = await startWith(COUNTER)
      const sum = async (rest?: Partial<InferenceOperation>) =>
        (await engine.submit(step(file, 'a', rest))).outputs!.sum!.data[0]
      expect([await sum(), await sum({endOfStream: true}), await sum()]).to.deep.equal([1, 2, 1])
      await engine.submit({type: 'unload_model', model: file})
      expect(await sum()).to.equal(1)
    })

    it('prefers a state that is given to the one it carries', async () => {
      const {engine, file} = await startWith(COUNTER)
      const state = {data: Float64Array.of(10, 10), shape: [2, 1]}
      const inputs = {...step(file, 'a').inputs, state}
      expect((await engine.submit(step(file, 'a', {inputs}))).outputs!.sum!.data[0]).to.equal(11)
      expect((await engine.submit(step(file, 'a'))).outputs!.sum!.data[0]).to.equal(12)
    })
  })

  it('benchmarks inference and products by really running them', async () => {
    const {engine, file} = await startWith(DOUBLE)
    const run = async (kind: 'inference' | 'matrix_multiply', model?: string) => {
      const {data} = await engine.submit({type: 'benchmark', kind, durationMs: 20, ...(model && {model})})
      return (data as {operations: number}).operations
    }

    expect(await run('inference', file)).to.be.above(0)
    expect(await run('matrix_multiply')).to.be.above(0)
    expect((await failureOf(run('inference'))).code).to.equal('INVALID_ARGUMENT')
  })

  it('needs a device', async () => {
    expect(await codeOf(start(fakePeer(), {devices: []}))).to.equal('DEVICE_UNAVAILABLE')
  })
})

function peerThatLoads(): Peer | undefined {
  try {
    return loadPeer()
  } catch {
    return undefined
  }
}
