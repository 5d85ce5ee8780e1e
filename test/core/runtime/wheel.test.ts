import {expect} from 'chai'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {compareVersions, selectMember, thisHost, wheelFor} from '../../../src/core/runtime/wheel.ts'

function refusal(work: () => unknown): NpuBridgeError {
  try {
    work()
  } catch (error) {
    if (error instanceof NpuBridgeError) return error
  }

  throw new Error('it was not refused')
}

describe('the pinned wheels', () => {
  it('are one a platform, with a hash', () => {
    for (const [platform, arch, tag] of [
      ['linux', 'x64', 'manylinux_2_28_x86_64'],
      ['linux', 'arm64', 'manylinux_2_35_aarch64'],
      ['win32', 'x64', 'win_amd64'],
      ['darwin', 'arm64', 'macosx_11_0_arm64'],
    ] as const) {
      const wheel = wheelFor({platform, arch, glibc: '2.39'})
      expect(wheel.file).to.equal(`openvino-2026.4.1-22982-cp312-cp312-${tag}.whl`)
      expect(wheel.sha256).to.match(/^[\da-f]{64}$/)
      expect(wheel.bytes).to.be.lessThan(wheel.unpackedBytes)
    }
  })

  it('refuse a machine that has none, with the way around it', () => {
    const error = refusal(() => wheelFor({platform: 'darwin', arch: 'x64', glibc: null}))
    expect(error.code).to.equal('UNSUPPORTED_OPERATION')
    expect(error.message).to.contain('darwin').and.to.contain('x64')
    expect(error.suggestions[0]).to.contain('--runtime')
  })

  it('refuse a C library that is too old or another one', () => {
    expect(refusal(() => wheelFor({platform: 'linux', arch: 'x64', glibc: '2.17'})).message)
      .to.contain('2.28')
      .and.to.contain('2.17')
    expect(refusal(() => wheelFor({platform: 'linux', arch: 'x64', glibc: null})).message).to.contain(
      'another C library',
    )
    expect(wheelFor({platform: 'linux', arch: 'x64', glibc: '2.28'}).version).to.equal('2026.4.1')
  })

  it('know this machine', () => {
    expect(thisHost()).to.include({platform: process.platform, arch: process.arch})
    if (process.platform === 'linux') expect(thisHost().glibc).to.match(/^2\.\d+$/)
  })

  it('are ordered by version', () => {
    expect(compareVersions('2026.4.1', '2026.4.0')).to.be.greaterThan(0)
    expect(compareVersions('2.9', '2.28')).to.be.lessThan(0)
    expect(compareVersions('2026.4', '2026.4.0')).to.equal(0)
  })

  it('give libraries, plugins, two frontends and licences', () => {
    const wanted = (name: string) => selectMember(`openvino/libs/${name}`)
    for (const name of [
      'libopenvino.so.2641',
      'libopenvino_c.so.2641',
      'libopenvino_intel_cpu_plugin.so',
      'libopenvino_intel_npu_plugin.so',
      'libopenvino_auto_batch_plugin.so',
      'libopenvino_onnx_frontend.so.2641',
      'libopenvino_ir_frontend.so.2641',
      'libtbb.so.12',
      'libtbbbind_2_5.so.3',
      'libhwloc.so.15',
      'cache.json',
      'libopenvino_c.2641.dylib',
      'libopenvino_arm_cpu_plugin.so',
      'openvino_c.dll',
      'openvino_intel_npu_compiler.dll',
      'tbb12.dll',
    ]) {
      expect(wanted(name), name).to.equal(name)
    }

    expect(selectMember('openvino-2026.4.1.dist-info/licenses/licensing/onednn.txt')).to.equal(
      'licenses/licensing/onednn.txt',
    )
  })

  it('give nothing else', () => {
    for (const member of [
      'openvino/libs/libopenvino_paddle_frontend.so.2641',
      'openvino/libs/libopenvino_tensorflow_frontend.so.2641',
      'openvino/libs/openvino_c.lib',
      'openvino/libs/tbb12_debug.lib',
      'openvino/libs/tbb.pc',
      'openvino/libs/sub/libtbb.so.12',
      'openvino/__init__.py',
      'openvino/include/openvino/c/ov_core.h',
      'openvino-2026.4.1.dist-info/METADATA',
    ]) {
      expect(selectMember(member), member).to.equal(null)
    }
  })
})
