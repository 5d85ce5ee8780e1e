import {expect} from 'chai'

import {type PrintableSetup, renderSetup} from '../../src/ui/setup.ts'

const base: PrintableSetup = {
  outcome: 'installed',
  runtime: {folder: '/data/openvino-2026.4.1', source: 'managed', version: '2026.4.1'},
  verification: {
    kind: 'devices',
    devices: [{name: 'CPU', fullName: 'Some CPU'}],
    tests: [
      {device: 'CPU', ok: true, computeUs: 12.4},
      {device: 'NPU', ok: false, error: {message: 'no driver'}},
    ],
  },
  downloadedBytes: 59e6,
  installedBytes: 156e6,
  seconds: 4.2,
  overriddenBy: null,
}

describe('the outcome of a setup', () => {
  it('tells what was done, what works, what comes next and how to undo it', () => {
    const text = renderSetup(base)
    expect(text).to.contain('OpenVINO 2026.4.1 is installed: 59 MB downloaded, 156 MB on the disk, 4.2 s.')
    expect(text).to.contain('✔ CPU (Some CPU) compiled and ran a tiny model in 12 µs')
    expect(text).to.contain('✖ NPU does not run a tiny model: no driver')
    expect(text).to.contain('Next     npubridge models pull')
    expect(text).to.contain('Undo     rm -r /data/openvino-2026.4.1')
  })

  it('says that only files were checked', () => {
    const text = renderSetup({...base, verification: {kind: 'files', reason: 'no native engine'}})
    expect(text).to.contain('only its files were checked: no native engine')
  })

  it('says that there was nothing to do', () => {
    expect(renderSetup({...base, outcome: 'unchanged'})).to.contain('Already set up: OpenVINO 2026.4.1.')
    const found = renderSetup({...base, outcome: 'found', runtime: {...base.runtime, source: 'python'}})
    expect(found).to.contain("Python's openvino package").and.to.not.contain('Undo')
  })

  it('says how to undo a recorded folder', () => {
    expect(renderSetup({...base, outcome: 'recorded'})).to.contain('Undo     npubridge setup --force')
  })

  it('warns of NPUBRIDGE_RUNTIME', () => {
    expect(renderSetup({...base, overriddenBy: '/opt/x'})).to.contain('NPUBRIDGE_RUNTIME is set to /opt/x')
  })
})
