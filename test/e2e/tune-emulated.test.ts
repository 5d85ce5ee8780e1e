import {expect} from 'chai'
import {execa} from 'execa'
import path from 'node:path'

import type {TuneReport} from '../../src/core/tune/report.ts'

import {TemporaryFolder} from '../core/probe/folder.ts'
import {emulatedRuntime} from '../support/emulated.ts'

const BIN = path.resolve(import.meta.dirname, '../../bin/run.js')

/** A real OpenVINO in which an NPU is emulated on the CPU. Nothing measured here says anything about an NPU. */
describe('tuning on an emulated NPU', function () {
  this.timeout(120_000)
  const folder = new TemporaryFolder()
  let emulated: string

  before(async function () {
    this.timeout(900_000)
    emulated = await emulatedRuntime(this, path.join(folder.path, 'runtime'))
  })

  after(() => {
    folder.remove()
  })

  async function tune(faults: string, ...parameters: string[]): Promise<TuneReport> {
    const command = [
      'tune',
      '--model',
      'silero-vad',
      '--runtime',
      emulated,
      '--time-limit',
      '15s',
      '--json',
      ...parameters,
    ]
    const env = {NPUBRIDGE_FAULTS: faults}
    const {stdout} = await execa(process.execPath, [BIN, ...command], {cwd: folder.path, env, reject: false})
    return JSON.parse(stdout) as TuneReport
  }

  it('says that the model belongs on the CPU when the NPU is slow', async () => {
    const report = await tune('slow_us=5000')
    expect(report.device, JSON.stringify(report)).to.equal('NPU')
    expect(report.advice.map(({id}) => id)).to.deep.equal(['model-belongs-on-cpu'])
    expect(report.advice[0]!.because).to.match(/An operation takes .* on the CPU and .* on NPU at best\./)
  })

  it('skips settings that do not compile, with the reason', async () => {
    // The probe and the default compile; of what comes then, some do not.
    const report = await tune('', '--device', 'npu')
    const reasons = report.skipped.map(({reason}) => reason)
    expect(reasons).to.include('INFERENCE_PRECISION_HINT FP32: NPU computes in FP16, INT8, EXPORT_IMPORT')
    expect(report.settings.every(({name}) => !name.includes('FP32'))).to.equal(true)
    // It has two tiles, turbo and workload types: more tiles are skipped, the rest was compiled.
    expect(reasons).to.include('NPU_TILES 3: NPU has 2')
    expect(reasons.filter((reason) => /^(?:NPU_TURBO|WORKLOAD_TYPE|NPU_TILES [12]:)/.test(reason))).to.deep.equal([])
  })
})
