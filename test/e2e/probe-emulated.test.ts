import {expect} from 'chai'
import {execa} from 'execa'
import path from 'node:path'

import type {ProbeReport} from '../../src/core/probe/probe.ts'

import {TemporaryFolder} from '../core/probe/folder.ts'
import {emulatedRuntime} from '../support/emulated.ts'

const PROJECT = path.resolve(import.meta.dirname, '../..')
const BUILD_LIMIT_MS = 900_000

/** A real OpenVINO in which an NPU is emulated on the CPU, with injected faults. */
describe('probing an emulated NPU', function () {
  this.timeout(120_000)
  const folder = new TemporaryFolder()
  const emulated = path.join(folder.path, 'runtime')

  before(async function () {
    this.timeout(BUILD_LIMIT_MS)
    await emulatedRuntime(this, emulated)
  })

  after(() => {
    folder.remove()
  })

  async function probe(args: readonly string[], faults = ''): Promise<ProbeReport> {
    const command = [path.join(PROJECT, 'bin/run.js'), 'probe', '--json', '--runtime', emulated, ...args]
    const {stdout} = await execa(process.execPath, command, {env: {NPUBRIDGE_FAULTS: faults}})
    return JSON.parse(stdout) as ProbeReport
  }

  it('lists it with its properties, and says that it is emulated', async () => {
    const report = await probe([])
    const npu = report.openvino.used?.devices.find(({name}) => name === 'NPU')
    expect(npu?.fullName).to.equal('Intel(R) AI Boost (emulated)')
    expect(npu?.properties).to.include({DEVICE_ARCHITECTURE: '3720', NPU_MAX_TILES: '2'})
    expect(report.headline).to.deep.include({status: 'pass', title: 'The NPU works: Intel(R) AI Boost (emulated).'})
    expect(report.tops).to.deep.include({basis: 'measured', text: '11.5 TOPS INT8'})
    expect(report.performance.mode).to.equal('npu')
  })

  it('runs models on it and finds the numbers of the CPU', async () => {
    const {rootCause, tests} = await probe(['--test'])
    expect(rootCause).to.equal(null)
    const onNpu = tests!.filter(({device}) => device === 'NPU')
    expect(onNpu).to.not.be.empty
    for (const {deviation, ok, run} of onNpu) {
      expect(ok).to.equal(true)
      expect(deviation).to.be.below(0.001)
      expect(run!.samples).to.be.above(0)
    }
  })

  it('is complete when listing the devices crashes, and names the crash', async () => {
    const report = await probe([], 'crash_at_enumeration')
    const crash = report.checks.find(({id}) => id === 'enumeration-crash')
    expect(crash?.status).to.equal('fail')
    expect(crash?.evidence.join(' ')).to.contain('SIGSEGV')
    expect(report.sections.map(({name}) => name)).to.include.members(['Hardware', 'OpenVINO', 'Engines'])
  })

  it('fails the test of a device that is listed and does not compile', async () => {
    const report = await probe(['--test'], 'compile_failure')
    expect(report.rootCause).to.equal('functional-test')
    expect(report.tests!.filter(({ok}) => !ok).map(({device}) => device)).to.include('NPU')
  })

  it('tells a device that was lost from one that does not compute', async () => {
    const report = await probe(['--test'], 'lost_after=0')
    expect(['device-lost', 'functional-test']).to.include(report.rootCause)
  })
})
