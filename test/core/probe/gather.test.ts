import {expect} from 'chai'
import path from 'node:path'

import type {ProbeEffects, RuntimeCandidate} from '../../../src/core/probe/effects.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {NO_READINGS} from '../../../src/core/probe/inventory/native.ts'
import {probe, type ProbeReport} from '../../../src/core/probe/probe.ts'
import {openRoot, type RecordedRoot} from '../../../src/core/probe/snapshot.ts'
import {CASES} from '../../fixtures/probe/cases.ts'
import {FIXTURES} from './fixture.ts'

const RUNTIME: RuntimeCandidate = {
  folder: '/ov',
  library: '/ov/libopenvino_c.so',
  problem: null,
  source: 'managed',
  version: '2026.4.1',
}
const CPU = {fullName: 'Some CPU', name: 'CPU', properties: {}, unreadable: {}}
const NPU = {...CPU, fullName: 'Intel(R) AI Boost', name: 'NPU'}
const NATIVE = {available: true, detail: 'loads', kind: 'native'} as const
const LEGACY = {available: true, detail: 'Python 3.12', kind: 'legacy'} as const

function effects(changes: Partial<ProbeEffects> = {}): ProbeEffects {
  return {
    discoverRuntimes: async () => [RUNTIME],
    findEngines: async () => [NATIVE, LEGACY],
    inspectRuntime: async (folder) => ({devices: [CPU], folder, version: '2026.4.1'}),
    readNative: async () => NO_READINGS,
    ...changes,
  }
}

async function probeLive(
  name: string,
  changes: Partial<ProbeEffects> = {},
  require: ['cpu'] | ['npu'] | [] = [],
): Promise<ProbeReport> {
  const root = openRoot(path.join(FIXTURES, name)).root as RecordedRoot
  Object.defineProperty(root, 'live', {value: true})
  return probe({effects: effects(changes), require, root, version: '0.0.0'})
}

describe('a live probe', () => {
  it('says what runs instead of the NPU, and why', async () => {
    const report = await probeLive('xeon-in-a-vm', {}, ['npu'])
    expect(report.headline.title).to.equal('There is no NPU in this processor; operations run on the CPU.')
    expect(report.performance).to.deep.equal({
      device: 'CPU',
      engine: 'native',
      mode: 'cpu',
      rejected: [
        {candidate: 'npu', reason: 'There is no NPU in this processor'},
        {candidate: 'gpu', reason: 'OpenVINO lists only CPU'},
      ],
    })
    expect(report.requirements).to.deep.equal([{met: false, name: 'npu', reason: 'There is no NPU in this processor'}])
  })

  it('meets a requirement by a device that an engine can reach', async () => {
    const report = await probeLive('xeon-in-a-vm', {}, ['cpu'])
    expect(report.requirements).to.deep.equal([{met: true, name: 'cpu', reason: 'Some CPU by the native engine'}])
    const alone = await probeLive('xeon-in-a-vm', {findEngines: async () => [{...NATIVE, available: false}, LEGACY]}, [
      'cpu',
    ])
    expect(alone.requirements[0]).to.include({met: false})
    expect(alone.performance).to.include({engine: 'legacy', mode: 'legacy'})
  })

  it('is complete after a crash in enumeration, which it names', async () => {
    const report = await probeLive('healthy-meteor-lake', {
      async inspectRuntime() {
        throw new NpuBridgeError(
          'RUNTIME_NOT_FOUND',
          'listing the devices crashed: it was ended by SIGSEGV.\nlast words',
        )
      },
    })
    expect(report.rootCause).to.equal('enumeration-crash')
    expect(report.headline.details).to.include('last words')
    expect(report.performance.mode).to.equal('legacy')
    expect(report.accelerators).to.have.length(1)
  })

  it('names a crash of Level Zero', async () => {
    const failure = {code: 'DEVICE_LOST', message: 'killed by SIGSEGV', suggestions: []} as const
    const report = await probeLive('healthy-meteor-lake', {readNative: async () => ({...NO_READINGS, failure})})
    expect(report.rootCause).to.equal('enumeration-crash')
    expect(report.headline.title).to.contain('Level Zero')
  })

  it('does not ask Level Zero and the kernel where there is no NPU', async () => {
    let asked = 0
    const readNative = async () => {
      asked += 1
      return NO_READINGS
    }

    await probeLive('xeon-in-a-vm', {readNative})
    expect(asked).to.equal(0)
    await probeLive('healthy-meteor-lake', {readNative})
    expect(asked).to.equal(1)
  })

  it('finds an environment variable to be the cause by trying without it', async () => {
    const tried: Array<readonly string[] | undefined> = []
    const report = await probeLive('environment-trap', {
      async inspectRuntime(folder, {without}) {
        tried.push(without)
        return {devices: without ? [CPU, NPU] : [CPU], folder, version: '2026.4.1'}
      },
    })
    expect(tried).to.deep.equal([undefined, ['ZE_ENABLE_NULL_DRIVER']])
    expect(report.rootCause).to.equal('environment-trap')
    expect(report.headline.details).to.include('without it OpenVINO lists the NPU')
  })

  it('only warns of a variable without which nothing changes', async () => {
    const report = await probeLive('environment-trap')
    expect(report.trapSprung).to.equal(false)
    expect(report.checks.find(({id}) => id === 'environment-trap')?.status).to.equal('warn')
    expect(report.rootCause).to.equal('npu-not-listed')
  })

  it('uses no other runtime than the one that the user named', async () => {
    const broken: RuntimeCandidate = {...RUNTIME, folder: '/mine', problem: 'it is empty', source: 'explicit'}
    const report = await probeLive('xeon-in-a-vm', {discoverRuntimes: async () => [broken, RUNTIME]})
    expect(report.openvino.used).to.equal(null)
    const finding = report.checks.find(({id}) => id === 'runtime-missing')
    expect(finding).to.deep.include({status: 'fail'})
    expect(finding?.evidence).to.include('/mine: it is empty')
  })

  it('passes over a runtime that cannot be used', async () => {
    const broken: RuntimeCandidate = {...RUNTIME, folder: '/old', problem: 'too old', source: 'python'}
    const report = await probeLive('xeon-in-a-vm', {discoverRuntimes: async () => [broken, RUNTIME]})
    expect(report.openvino.used?.folder).to.equal('/ov')
    expect(report.sections.find(({name}) => name === 'OpenVINO')?.lines.join('\n')).to.contain('too old')
  })

  it('says that nothing can run where there is neither runtime nor engine', async () => {
    const report = await probeLive('xeon-in-a-vm', {
      discoverRuntimes: async () => [],
      findEngines: async () => [{...LEGACY, available: false, detail: 'python3 is not on PATH'}],
    })
    expect(report.performance).to.include({engine: null, mode: null})
    expect(report.performance.rejected.at(-1)).to.deep.equal({candidate: 'legacy', reason: 'python3 is not on PATH'})
  })

  it('stops when interrupted', async () => {
    const signal = AbortSignal.abort(new NpuBridgeError('CANCELLED', 'interrupted'))
    const {root} = openRoot(path.join(FIXTURES, 'xeon-in-a-vm'))
    const cancelled = effects({
      async inspectRuntime() {
        throw new Error('killed')
      },
    })
    const error: unknown = await probe({effects: cancelled, root, signal, version: '0'}).catch(
      (error_: unknown) => error_,
    )
    expect(error).to.include({code: 'CANCELLED'})
    expect(Object.keys(CASES)).to.include('xeon-in-a-vm')
  })
})
