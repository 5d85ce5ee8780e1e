import {expect} from 'chai'
import path from 'node:path'

import type {Engine} from '../../src/core/engine/engine.ts'

import {type BridgeOptions, type BridgeParts, createBridge} from '../../src/core/bridge.ts'
import {createLegacyEngine} from '../../src/core/engine/legacy.ts'
import {NpuBridgeError} from '../../src/core/errors.ts'
import * as root from '../../src/index.ts'
import {FakeEngine} from './engine/fake.ts'

const FIXTURE = path.resolve(import.meta.dirname, '../fixtures/legacy/v1/npu_coordination_bridge.py')
const HOME = path.resolve('/nowhere/npubridge')

describe('createBridge', () => {
  let calls: Array<[string, unknown]>
  const started: Engine[] = []

  beforeEach(() => {
    calls = []
  })

  afterEach(async () => {
    for (const engine of started) await engine.shutdown()
    started.length = 0
  })

  interface Machine {
    readonly binding?: Error
    readonly runtime?: Error
    readonly devices?: readonly string[]
    readonly broken?: readonly string[]
    readonly peer?: Error | readonly string[]
    readonly env?: NodeJS.ProcessEnv
  }

  /** The parts of a machine, which write down what they are asked for; the legacy engine is the real one. */
  function parts(machine: Machine = {}): BridgeParts {
    const note = <T>(name: string, value: unknown, result: T): T => {
      calls.push([name, value])
      if (result instanceof Error) throw result
      return result
    }

    const {devices = ['CPU'], broken = [], peer = new NpuBridgeError('RUNTIME_NOT_FOUND', 'not installed')} = machine
    return {
      env: {...process.env, NPUBRIDGE_HOME: HOME, NPUBRIDGE_RUNTIME: undefined, ...machine.env},
      native: {
        async checkBinding() {
          note('checkBinding', undefined, machine.binding as unknown as undefined)
        },
        findRuntime: async (options) => note('findRuntime', options, machine.runtime ?? {folder: '/runtime'}) as never,
        trustedDevices: async (folder) =>
          note('trustedDevices', folder, {
            devices: devices.map((name) => ({name})),
            tests: broken.map((device) => ({device, ok: false})),
          }),
        createNativeEngine: async (options) => note('createNativeEngine', options, new FakeEngine({kind: 'native'})),
      },
      inspectPeer: async () =>
        note(
          'inspectPeer',
          undefined,
          peer instanceof Error
            ? peer
            : {version: '2026.4.0', folder: '/peer', devices: peer.map((name) => ({name, fullName: null}))},
        ) as never,
      createOpenVinoNodeEngine: async (options) =>
        note('createOpenVinoNodeEngine', options, new FakeEngine({kind: 'openvino-node'})),
      async createLegacyEngine(options) {
        note('createLegacyEngine', options, undefined)
        return createLegacyEngine(options)
      },
    }
  }

  async function open(options?: BridgeOptions, machine?: Machine): Promise<Engine> {
    const engine = await createBridge(options, parts(machine))
    started.push(engine)
    return engine
  }

  async function failureOf(promise: Promise<unknown>): Promise<NpuBridgeError> {
    const outcome = await promise.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(NpuBridgeError)
    return outcome as NpuBridgeError
  }

  const argumentOf = (name: string) => calls.find(([called]) => called === name)?.[1]

  it('is exported from the root of the package', () => {
    expect(root.createBridge).to.equal(createBridge)
  })

  it('opens the native engine on all devices of the runtime that is found', async () => {
    const engine = await open({profile: 'throughput', config: {queue: {capacity: 7}}}, {devices: ['CPU', 'NPU']})
    expect(engine.kind).to.equal('native')
    expect(argumentOf('createNativeEngine')).to.deep.equal({
      runtimeFolder: '/runtime',
      devices: ['NPU', 'CPU'],
      rejected: [],
      modelsFolder: path.join(HOME, 'models'),
      cacheFolder: path.join(HOME, 'cache'),
      profile: 'throughput',
      queue: {capacity: 7},
    })
    expect(calls.map(([name]) => name)).to.deep.equal([
      'checkBinding',
      'findRuntime',
      'trustedDevices',
      'createNativeEngine',
    ])
  })

  it('tells the native engine which devices are missing, and takes one that failed its test for missing', async () => {
    await open({}, {devices: ['CPU', 'NPU'], broken: ['NPU']})
    const {devices, rejected} = argumentOf('createNativeEngine') as {
      devices: string[]
      rejected: Array<{candidate: string}>
    }
    expect(devices).to.deep.equal(['CPU'])
    expect(rejected.map(({candidate}) => candidate)).to.deep.equal(['NPU', 'GPU'])
  })

  it('looks for no other engine when a runtime is named, by option or environment', async () => {
    const runtime = new NpuBridgeError('RUNTIME_NOT_FOUND', 'there is no runtime in /mine')
    expect(await failureOf(open({runtime: '/mine'}, {runtime}))).to.equal(runtime)
    expect(argumentOf('findRuntime')).to.deep.equal({explicit: '/mine'})
    expect(await failureOf(open({}, {runtime, env: {NPUBRIDGE_RUNTIME: '/mine'}}))).to.equal(runtime)
    const error = await failureOf(open({runtime: '/mine', engine: 'legacy'}))
    expect(error).to.include({code: 'INVALID_ARGUMENT', message: 'runtime is /mine, but the legacy engine loads none'})
    expect(calls.map(([name]) => name)).to.not.include('createLegacyEngine')
  })

  it('takes openvino-node when the binary is not there', async () => {
    const binding = new NpuBridgeError('UNSUPPORTED_OPERATION', 'the binary is not there')
    const engine = await open({config: {queue: {capacity: 7}}}, {binding, peer: ['CPU']})
    expect(engine.kind).to.equal('openvino-node')
    expect(argumentOf('createOpenVinoNodeEngine')).to.deep.include({capacity: 7, devices: ['CPU'], profile: 'latency'})
    const {fallback} = argumentOf('createOpenVinoNodeEngine') as {fallback: {from: string; reason: string}}
    expect(fallback).to.include({from: 'native'})
    expect(fallback.reason).to.match(/^native: the binary is not there; NPU: /)
    expect(calls.map(([name]) => name)).to.not.include('findRuntime')
  })

  it('takes the legacy engine when nothing else is there, and every result says why', async () => {
    const binding = new NpuBridgeError('UNSUPPORTED_OPERATION', 'the binary is not there')
    const engine = await open({legacyModule: FIXTURE}, {binding})
    expect(await engine.health()).to.include({performanceMode: 'legacy'})
    const result = await engine.submit({type: 'echo', data: 'x'})
    expect(result).to.deep.include({
      data: 'x',
      device: null,
      engine: 'legacy',
      fallback: {
        from: 'native',
        to: 'legacy',
        reason: 'native: the binary is not there; openvino-node: not installed',
      },
    })
    expect(engine.metrics().fallbacks).to.equal(1)
    expect(argumentOf('createLegacyEngine')).to.deep.include({module: FIXTURE})
  })

  it('records no fallback for the legacy engine that is asked for', async () => {
    const engine = await open({engine: 'legacy'})
    expect((await engine.submit({type: 'echo'})).fallback).to.equal(null)
    expect(calls.map(([name]) => name)).to.deep.equal(['createLegacyEngine'])
  })

  it('tells all reasons and remedies when nothing is left', async () => {
    const binding = new NpuBridgeError('UNSUPPORTED_OPERATION', 'the binary is not there', {suggestions: ['build it']})
    const error = await failureOf(open({}, {binding, env: {NPUBRIDGE_PYTHON: '/nowhere/python'}}))
    expect(error.code).to.equal('DEVICE_UNAVAILABLE')
    for (const part of ['native: the binary', 'openvino-node: not installed', 'legacy: NPUBRIDGE_PYTHON']) {
      expect(error.message).to.include(part)
    }

    expect(error.suggestions).to.include('build it').and.include('unset NPUBRIDGE_PYTHON')
  })

  it('refuses options that it does not know', async () => {
    for (const [options, code, message] of [
      [{device: 'tpu'}, 'INVALID_ARGUMENT', 'device is "tpu", it must be one of auto, npu, gpu, cpu'],
      [{engine: 'rust'}, 'INVALID_ARGUMENT', 'engine is "rust"'],
      [{profile: 'fast'}, 'INVALID_ARGUMENT', 'profile is "fast"'],
      [{config: {queue: {capacity: 0}}}, 'CONFIG_INVALID', 'queue.capacity is 0'],
    ] as const) {
      const error = await failureOf(open(options as unknown as BridgeOptions))
      expect(error.code).to.equal(code)
      expect(error.message).to.include(message)
    }
  })
})
