import {expect} from 'chai'

import type {DevicePreference} from '../../../src/core/engine/engine.ts'

import {
  type EngineCandidate,
  type EngineChoice,
  type EnginePreference,
  selectEngine,
} from '../../../src/core/engine/select.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {FakeEngine} from './fake.ts'

interface Candidate {
  readonly devices: Error | null | readonly string[]
  readonly fails?: Error
}

const ABSENT = new NpuBridgeError('UNSUPPORTED_OPERATION', 'the binding is not there', {suggestions: ['build it']})
const NO_PYTHON = new NpuBridgeError('LEGACY_FAILED', 'there is no Python', {suggestions: ['install it', 'build it']})

describe('selectEngine', () => {
  let asked: string[]

  beforeEach(() => {
    asked = []
  })

  function candidates(described: Partial<Record<EngineCandidate['kind'], Candidate>>): EngineCandidate[] {
    return (['native', 'openvino-node', 'legacy'] as const).map((kind) => {
      const {devices, fails} = described[kind] ?? {devices: ABSENT}
      return {
        kind,
        async devices() {
          asked.push(kind)
          if (devices instanceof Error) throw devices
          return devices
        },
        async create({fallback}: EngineChoice) {
          if (fails) throw fails
          return new FakeEngine({kind, fallback})
        },
      }
    })
  }

  async function select(
    described: Parameters<typeof candidates>[0],
    {device = 'auto', engine = 'auto'}: {device?: DevicePreference; engine?: EnginePreference} = {},
  ) {
    const selection = await selectEngine({device, engine}, candidates(described))
    return {kind: selection.engine.kind, ...selection.choice}
  }

  async function failureOf(promise: Promise<unknown>): Promise<NpuBridgeError> {
    const outcome = await promise.catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(NpuBridgeError)
    return outcome as NpuBridgeError
  }

  it('takes the first engine with all its devices, the most wanted first, and asks no other', async () => {
    expect(await select({native: {devices: ['CPU', 'GPU.1', 'GPU.0', 'NPU']}})).to.deep.equal({
      kind: 'native',
      devices: ['NPU', 'GPU.1', 'GPU.0', 'CPU'],
      rejected: [],
      fallback: null,
    })
    expect(asked).to.deep.equal(['native'])
  })

  it('says which devices it would rather have had', async () => {
    const reason = 'OpenVINO lists only CPU'
    expect(await select({native: {devices: ['CPU']}})).to.deep.equal({
      kind: 'native',
      devices: ['CPU'],
      rejected: [
        {candidate: 'NPU', reason},
        {candidate: 'GPU', reason},
      ],
      fallback: {from: 'NPU', to: 'CPU', reason: `NPU: ${reason}; GPU: ${reason}`},
    })
  })

  it('takes no fallback for a device that is asked for and there', async () => {
    const native = {devices: ['CPU', 'NPU']}
    expect(await select({native}, {device: 'cpu'})).to.deep.include({devices: ['CPU'], fallback: null})
    expect(await select({native}, {device: 'npu'})).to.deep.include({devices: ['NPU'], fallback: null})
  })

  it('goes to the next engine when one is not there, has no device or does not start, and says why', async () => {
    const chosen = await select({
      native: {
        devices: ['CPU'],
        fails: new NpuBridgeError('RUNTIME_NOT_FOUND', 'the runtime is broken.\n  here and there'),
      },
      'openvino-node': {devices: []},
      legacy: {devices: null},
    })
    expect(chosen).to.deep.include({
      kind: 'legacy',
      devices: [],
      fallback: {
        from: 'native',
        to: 'legacy',
        reason:
          'native: the runtime is broken; openvino-node: there is no device: the openvino-node engine has no device',
      },
    })
    expect(asked).to.deep.equal(['native', 'openvino-node', 'legacy'])
  })

  it('tells both the engine and the devices that it would rather have had', async () => {
    const chosen = await select({'openvino-node': {devices: ['CPU']}})
    expect(chosen.rejected.map(({candidate}) => candidate)).to.deep.equal(['native', 'NPU', 'GPU'])
    expect(chosen.fallback).to.include({from: 'native', to: 'openvino-node'})
  })

  it('goes to another engine for a device that only that one has', async () => {
    const chosen = await select({native: {devices: ['CPU']}, 'openvino-node': {devices: ['NPU']}}, {device: 'npu'})
    expect(chosen).to.deep.include({kind: 'openvino-node', devices: ['NPU']})
    expect(chosen.fallback?.reason).to.equal('native: there is no NPU: the native engine has CPU')
  })

  it('lets the legacy engine stand in on the processor, and on no other device', async () => {
    expect(await select({legacy: {devices: null}}, {device: 'cpu'})).to.include({kind: 'legacy'})
    const error = await failureOf(select({legacy: {devices: null}}, {device: 'npu'}))
    expect(error.code).to.equal('DEVICE_UNAVAILABLE')
    expect(error.message).to.match(/^no engine can run on NPU:/)
    expect(error.message).to.include('\n  legacy: there is no NPU: the legacy engine runs on the processor only')
  })

  it('opens the engine that is named or fails with its reason, and asks no other', async () => {
    expect(await select({legacy: {devices: null}}, {engine: 'legacy'})).to.deep.include({
      kind: 'legacy',
      fallback: null,
    })
    expect(await failureOf(select({legacy: {devices: null}}, {engine: 'native'}))).to.equal(ABSENT)
    expect(asked).to.deep.equal(['legacy', 'native'])
  })

  it('fails for a device that the named engine has not', async () => {
    const native = {devices: ['CPU']}
    const error = await failureOf(select({native}, {device: 'npu', engine: 'native'}))
    expect(error).to.include({code: 'DEVICE_UNAVAILABLE', message: 'there is no NPU: the native engine has CPU'})
    expect(error.suggestions).to.include('Take what there is: --device auto')
    const legacy = await failureOf(select({legacy: {devices: null}}, {device: 'gpu', engine: 'legacy'}))
    expect(legacy).to.include({code: 'DEVICE_UNAVAILABLE'})
  })

  it('tells every reason and every remedy, each once, when there is nothing left', async () => {
    const error = await failureOf(select({legacy: {devices: NO_PYTHON}}))
    expect(error.message).to.equal(
      'no engine can run here:\n  native: the binding is not there\n  openvino-node: the binding is not there\n  legacy: there is no Python',
    )
    expect(error.suggestions).to.deep.equal(['build it', 'install it'])
    expect(error.cause).to.equal(ABSENT)
  })

  it('does not take a mistake of the caller for a reason to run something else', async () => {
    for (const code of ['CANCELLED', 'CONFIG_INVALID', 'INVALID_ARGUMENT'] as const) {
      const mistake = new NpuBridgeError(code, 'no')
      expect(await failureOf(select({native: {devices: mistake}, legacy: {devices: null}}))).to.equal(mistake)
    }
  })
})
