import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import path from 'node:path'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {probe} from '../../../src/core/probe/probe.ts'
import {openRoot} from '../../../src/core/probe/snapshot.ts'
import {FIXTURES} from './fixture.ts'
import {TemporaryFolder} from './folder.ts'

function refusal(open: () => unknown): NpuBridgeError {
  try {
    open()
  } catch (error) {
    if (error instanceof NpuBridgeError) return error
  }

  throw new Error('it was not refused')
}

describe('opening a root', () => {
  it('refuses what is no folder', () => {
    using folder = new TemporaryFolder()
    const file = folder.file('file')
    expect(refusal(() => openRoot(file))).to.include({
      code: 'INVALID_ARGUMENT',
      message: `--root ${file} is not a folder`,
    })
    expect(refusal(() => openRoot(`${file}-none`)).code).to.equal('INVALID_ARGUMENT')
  })

  it('names the field of a snapshot that is wrong', () => {
    using folder = new TemporaryFolder()
    folder.file('npubridge-snapshot.json', '{"format": 1, "machine": {"platform": 7}}')
    expect(refusal(() => openRoot(folder.path)).message).to.contain('machine.platform')
  })

  for (const [what, content] of [
    ['empty', ''],
    ['truncated', '{"format": 1, "mach'],
    ['of another format', '{"format": 2}'],
    ['binary', '\u{0}\u{1}\u{2}'],
  ]) {
    it(`refuses a snapshot file that is ${what}`, () => {
      using folder = new TemporaryFolder()
      folder.file('npubridge-snapshot.json', content)
      expect(refusal(() => openRoot(folder.path)).message).to.contain('is not a snapshot')
    })
  }

  it('takes a folder without a snapshot file for an image, of whose OpenVINO nothing is known', async () => {
    const subject = openRoot(path.join(FIXTURES, 'mounted-image'))
    const report = await probe({...subject, version: '0.0.0'})
    expect(report.live).to.equal(false)
    expect(report.openvino).to.deep.include({candidates: [], used: null})
    expect(report.checks.find(({id}) => id === 'runtime-missing')?.status).to.equal('unknown')
    expect(report.performance).to.deep.equal({device: null, engine: null, mode: null, rejected: []})
  })

  it('survives files that are not what they should be', async () => {
    using folder = new TemporaryFolder()
    folder.file('proc/cpuinfo', Buffer.alloc(1 << 16, 0xff))
    folder.file('etc/os-release', '=\n"\u{0}')
    folder.file('etc/ld.so.conf', 'include /etc/ld.so.conf\ninclude relative/*.conf\n/usr/lib\n')
    folder.file('sys/class/accel/accel0', 'a file where a folder should be')
    folder.file('sys/bus/pci/devices/0000:00:0b.0/vendor', '0x8086')
    folder.file('sys/bus/pci/devices/0000:00:0b.0/device', '0x7d1d\u{1B}[2J')
    folder.link('lib', '/lib')
    folder.link('sys/module', '../sys/module')
    const report = await probe({...openRoot(folder.path), version: '0.0.0'})
    expect(report.host.processor).to.equal(null)
    expect(report.headline.status).to.not.equal('pass')
  })
})
