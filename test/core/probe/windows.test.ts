import {expect} from 'chai'

import type {ProbeEffects} from '../../../src/core/probe/effects.ts'
import type {ProcessOutcome} from '../../../src/core/process/run.ts'

import {parseWindowsProcessor} from '../../../src/core/probe/inventory/host.ts'
import {NO_READINGS} from '../../../src/core/probe/inventory/native.ts'
import {windowsAccelerators} from '../../../src/core/probe/inventory/windows.ts'
import {IMAGE} from '../../../src/core/probe/machine.ts'
import {probe} from '../../../src/core/probe/probe.ts'
import {FolderRoot} from '../../../src/core/probe/root.ts'
import {TemporaryFolder} from './folder.ts'

const POWERSHELL = JSON.stringify([
  {FriendlyName: 'Intel(R) AI Boost', InstanceId: String.raw`PCI\VEN_8086&DEV_7D1D&SUBSYS_1\3&11583659`, Status: 'OK'},
  {FriendlyName: 'NPU Compute Accelerator', InstanceId: String.raw`PCI\VEN_1022&DEV_1502&REV_00\4`, Status: 'Error'},
  {FriendlyName: null, InstanceId: String.raw`ROOT\X`, Status: null},
])

const answering = (stdout: string) => async (): Promise<ProcessOutcome> => ({
  channel: '',
  exitCode: 0,
  signal: null,
  startError: null,
  stderr: '',
  stdout,
  timedOut: false,
})

async function probeOn(platform: string, identifier?: string, accelerators = '[]') {
  using folder = new TemporaryFolder()
  const environment = identifier === undefined ? {} : {PROCESSOR_IDENTIFIER: identifier}
  const root = new FolderRoot(folder.path, {...IMAGE, architecture: 'x64', environment, platform})
  const cpu = {fullName: 'CPU', name: 'CPU', properties: {}, unreadable: {}}
  const effects: ProbeEffects = {
    discoverRuntimes: async () => [{folder: 'C:/ov', library: null, problem: null, source: 'managed', version: null}],
    findAccelerators: async () => windowsAccelerators(answering(accelerators)),
    findEngines: async () => [{available: true, detail: 'loads', kind: 'native'}],
    inspectRuntime: async () => ({devices: [cpu], folder: 'C:/ov', version: '2026.4.1'}),
    readNative: async () => NO_READINGS,
  }
  return await probe({effects, root, version: '0.0.0'})
}

describe('other systems', () => {
  it('list what Plug and Play of Windows shows', async () => {
    const found = await windowsAccelerators(answering(POWERSHELL))
    expect(found.map(({address, device, maker, product}) => [address, device, maker, product])).to.deep.equal([
      [String.raw`PCI\VEN_8086&DEV_7D1D&SUBSYS_1`, '7d1d', 'Intel', 'Meteor Lake NPU'],
      [String.raw`PCI\VEN_1022&DEV_1502&REV_00`, '1502', 'AMD', 'Ryzen AI NPU (Phoenix or Hawk Point)'],
      [String.raw`ROOT\X`, null, 'unknown maker', 'accelerator'],
    ])
  })

  it('have no accelerators when PowerShell says nothing that makes sense', async () => {
    for (const output of ['', 'null', '{"rubbish": 1}', 'is not recognized as a command']) {
      expect(await windowsAccelerators(answering(output)), output).to.deep.equal([])
    }
  })

  it('know the processor of Windows by its identifier', () => {
    const processor = parseWindowsProcessor('Intel64 Family 6 Model 170 Stepping 4, GenuineIntel')
    expect(processor).to.deep.include({family: 6, hypervisor: false, model: 170, vendor: 'GenuineIntel'})
    expect(processor?.expectedNpu).to.deep.equal({likely: true, product: 'Meteor Lake'})
    expect(parseWindowsProcessor('ARMv8 (64-bit)')).to.equal(null)
    expect(parseWindowsProcessor(undefined)).to.equal(null)
  })

  it('get a whole report on Windows, with the NPU by name', async () => {
    const report = await probeOn('win32', 'Intel64 Family 6 Model 170 Stepping 4, GenuineIntel', POWERSHELL)
    expect(report.rootCause).to.equal(null)
    expect(report.headline.title).to.equal(
      'There is a Meteor Lake NPU, but OpenVINO does not list it; operations run on the CPU.',
    )
    expect(report.checks.find(({id}) => id === 'node-permission')?.status).to.equal('unknown')
  })

  it('are told that their processor has no NPU', async () => {
    expect((await probeOn('win32', 'Intel64 Family 6 Model 158 Stepping 9, GenuineIntel')).rootCause).to.equal(
      'no-npu-in-processor',
    )
    expect((await probeOn('darwin')).headline.title).to.contain('No Mac has an NPU')
  })
})
