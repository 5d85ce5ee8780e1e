import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import {redactor, trim} from '../../../src/core/probe/privacy.ts'

const redact = redactor({home: '/home/alice', hostname: 'alices-laptop', username: 'alice'})

describe('what is private', () => {
  it('is replaced as whole words, wherever it stands', () => {
    expect(redact('alice@alices-laptop:/home/alice/x malice alice-in /home/bob/y')).to.equal(
      '(user)@(host):~/x malice alice-in /home/(user)/y',
    )
  })

  it('includes serial numbers, MAC addresses and UUIDs', () => {
    expect(redact('Serial Number: ABC-12345; 01:23:45:67:89:ab; 01234567-89ab-cdef-0123-456789abcdef')).to.equal(
      'Serial Number: (removed); (removed); (removed)',
    )
  })

  it('does not include words that every machine has', () => {
    const common = redactor({home: '/root', hostname: 'localhost', username: 'root'})
    expect(common('root:render on localhost in /root')).to.equal('root:render on localhost in /root')
  })

  it('does not take PCI addresses and versions for serial numbers', () => {
    expect(redact('0000:00:0b.0 8086:7d1d 20250611*ci 1.30.0')).to.equal('0000:00:0b.0 8086:7d1d 20250611*ci 1.30.0')
  })

  for (const [file, before, after] of [
    ['/etc/group', 'root:x:0:\nrender:x:992:alice,bob\nalice:x:1000:', 'root:x:0:\nrender:x:992:\n'],
    ['/etc/passwd', 'root:x:0:0::/root:/bin/sh\nbob:x:1001:', 'root:x:0:0::/root:/bin/sh\n'],
    ['/proc/cmdline', 'root=UUID=1 intel_iommu=on password=x', 'intel_iommu=on'],
    ['/proc/version', 'Linux version 6.8 (bob@den) (gcc (GCC) 15)', 'Linux version 6.8 (builder) (gcc (GCC) 15)'],
    ['/proc/cpuinfo', 'processor: 0\nflags: a\n\nprocessor: 1', 'processor: 0\nflags: a\n'],
    ['/boot/config-6.8', 'CONFIG_X=y\nCONFIG_DRM_ACCEL_IVPU=m', 'CONFIG_DRM_ACCEL_IVPU=m\n'],
    ['/lib/modules/6.8/modules.dep', 'a.ko:\nintel_vpu.ko:', 'intel_vpu.ko:\n'],
    ['/var/lib/dpkg/status', 'Package: vim\n\nPackage: libze1\nVersion: 1\n\n', 'Package: libze1\nVersion: 1\n\n'],
    ['/etc/os-release', 'ID=alices-laptop', 'ID=(host)'],
  ] as const) {
    it(`is cut from ${file}`, () => {
      const kept = trim(file, Buffer.from(before), redact)
      expect(Buffer.from(kept).toString()).to.equal(after)
    })
  }

  it('leaves binary files as they are, but for the entries of other modules', () => {
    const binary = Buffer.from([0, 255, 1])
    expect(trim('/sys/telem', binary, redact)).to.deep.equal(binary)
    const entries = Buffer.from('ext4.alias=fs\0intel_vpu.alias=pci:v1\0')
    expect(String(trim('/lib/modules/6.8/modules.builtin.modinfo', entries, redact))).to.equal(
      'intel_vpu.alias=pci:v1\0',
    )
  })
})
