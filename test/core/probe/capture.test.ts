import {expect} from 'chai'
import {execaSync} from 'execa'
import {existsSync, readdirSync} from 'node:fs'
import path from 'node:path'

import {unpack} from '../../../src/core/probe/archive.ts'
import {capture} from '../../../src/core/probe/capture.ts'
import {redactor} from '../../../src/core/probe/privacy.ts'
import {probe} from '../../../src/core/probe/probe.ts'
import {openRoot} from '../../../src/core/probe/snapshot.ts'
import {FIXTURES, probeCase} from './fixture.ts'
import {TemporaryFolder} from './folder.ts'

/** One of every kind of thing that a snapshot keeps. */
const CAPTURED = [
  'healthy-meteor-lake',
  'healthy-seen-by-a-user',
  'two-vendors',
  'xeon-in-a-vm',
  'wsl',
  'driver-not-built',
  'firmware-missing-in-initramfs',
  'node-permission-until-login',
  'node-is-a-link',
  'user-mode-driver-in-opt',
  'driver-in-snap',
  'loader-old',
  'environment-trap',
  'enumeration-crash',
  'npu-not-listed',
]

const asIs = (text: string) => text
const redact = redactor({home: '/home/alice', hostname: 'alices-laptop', username: 'alice'})

describe('a captured snapshot', () => {
  for (const name of CAPTURED) {
    it(`tells the same as the machine itself: ${name}`, async () => {
      using folder = new TemporaryFolder()
      const file = path.join(folder.path, 'npu.tar.gz')
      const {effects, root} = openRoot(path.join(FIXTURES, name))
      await capture(file, {effects, root, timeoutMs: 1000}, asIs)
      const unpacked = await unpack(file)
      const again = await probe({...openRoot(unpacked.folder), version: '0.0.0'})
      unpacked.remove()
      const {telemetry, ...first} = await probeCase(name)
      const {telemetry: laterTelemetry, ...second} = again
      expect(second).to.deep.equal(first)
      expect({...laterTelemetry, at: 0}).to.deep.equal({...telemetry, at: 0})
    })
  }

  it('leaves nothing half-written when the place cannot be written to', async () => {
    using folder = new TemporaryFolder()
    const {effects, root} = openRoot(path.join(FIXTURES, 'xeon-in-a-vm'))
    const file = path.join(folder.path, 'no-such-folder', 'npu.tar.gz')
    const error: unknown = await capture(file, {effects, root, timeoutMs: 1000}, asIs).catch(
      (error_: unknown) => error_,
    )
    expect(error).to.include({code: 'INVALID_ARGUMENT'})
    expect(readdirSync(folder.path)).to.deep.equal([])
  })

  it('holds no names of host, user or home', async () => {
    using folder = new TemporaryFolder()
    const {effects, root} = openRoot(path.join(FIXTURES, 'healthy-meteor-lake'))
    const named = {
      ...effects,
      findEngines: async () => [
        {available: true, detail: 'Python at /home/alice/bin on alices-laptop', kind: 'legacy' as const},
      ],
    }
    const file = path.join(folder.path, 'npu.tar.gz')
    await capture(file, {effects: named, root, timeoutMs: 1000}, redact)
    const unpacked = await unpack(file)
    const {exitCode} = execaSync('grep', ['-r', 'alice', unpacked.folder], {reject: false})
    expect(exitCode).to.equal(1)
    expect(existsSync(path.join(unpacked.folder, 'proc/cpuinfo'))).to.equal(true)
    unpacked.remove()
  })
})
