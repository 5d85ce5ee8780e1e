/**
 * The OpenVINO that `setup` installs: one PyPI wheel a platform, by exact file and SHA-256. The libraries inside do
 * not depend on the Python version that a wheel is named for.
 */
import type {PinnedWheel} from '../download/wheel.ts'

import {NpuBridgeError} from '../errors.ts'

export const PINNED_VERSION = '2026.4.1'

export interface RuntimeWheel extends PinnedWheel {
  /** What the wanted members unpack to. */
  readonly unpackedBytes: number
  /** The oldest glibc that its libraries run on, where they need one. */
  readonly glibc?: string
}

function pinned(platformTag: string, rest: Omit<RuntimeWheel, 'distribution' | 'file' | 'version'>): RuntimeWheel {
  const file = `openvino-${PINNED_VERSION}-22982-cp312-cp312-${platformTag}.whl`
  return {distribution: 'openvino', version: PINNED_VERSION, file, ...rest}
}

/** Keys are `process.platform`-`process.arch`. There is no wheel of this version for macOS on Intel processors. */
const WHEELS: Record<string, RuntimeWheel> = {
  'linux-x64': pinned('manylinux_2_28_x86_64', {
    sha256: '6b4375c17ddcac83a5180349e2e2bb811185c261066e2a920659892d58ef0e3b',
    bytes: 59_144_434,
    unpackedBytes: 155_984_461,
    glibc: '2.28',
  }),
  'linux-arm64': pinned('manylinux_2_35_aarch64', {
    sha256: '82efccb2f9f1bdc7e5a1996e05a3b719ebff9232dd54b44150d6d2e983a86b7d',
    bytes: 30_332_437,
    unpackedBytes: 71_344_994,
    glibc: '2.35',
  }),
  'win32-x64': pinned('win_amd64', {
    sha256: '4e04316abff1b99e29b8cbd38deaef9bde4739eba216d982d4b3981e456ecd87',
    bytes: 84_964_415,
    unpackedBytes: 223_887_127,
  }),
  'darwin-arm64': pinned('macosx_11_0_arm64', {
    sha256: '726ac547b8474a5e7b145bc1ae5a8bb6fbcbb60b79bd9a611c67eec2c74b7a5f',
    bytes: 33_341_733,
    unpackedBytes: 111_843_382,
  }),
}

/** What decides which wheel fits. */
export interface Host {
  readonly platform: string
  readonly arch: string
  /** The version of glibc, or null where the C library is another one (musl) or none is needed. */
  readonly glibc: string | null
}

/** The machine this process runs on. */
export function thisHost(): Host {
  // The report is typed as a plain object; this header field is documented and absent without glibc.
  const {header} = process.report.getReport() as {header?: {glibcVersionRuntime?: string}}
  return {platform: process.platform, arch: process.arch, glibc: header?.glibcVersionRuntime ?? null}
}

/**
 * The pinned wheel for `host`.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION where there is none, with the way around it
 */
export function wheelFor(host: Host): RuntimeWheel {
  const wheel = WHEELS[`${host.platform}-${host.arch}`]
  const suggestions = ['Use an OpenVINO that is installed already: npubridge setup --runtime DIR']
  if (!wheel) {
    throw new NpuBridgeError(
      'UNSUPPORTED_OPERATION',
      `There is no OpenVINO ${PINNED_VERSION} wheel for ${host.platform} on ${host.arch}.`,
      {suggestions},
    )
  }

  if (wheel.glibc && (host.glibc === null || compareVersions(host.glibc, wheel.glibc) < 0)) {
    const found = host.glibc === null ? 'this system has another C library' : `this system has ${host.glibc}`
    throw new NpuBridgeError(
      'UNSUPPORTED_OPERATION',
      `OpenVINO ${PINNED_VERSION} needs glibc ${wheel.glibc} or newer, ${found}.`,
      {suggestions},
    )
  }

  return wheel
}

/** Negative when version `a` is older than `b`, 0 when they are equal; a missing part counts as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (let index = 0; index < Math.max(left!.length, right!.length); index++) {
    const difference = (left![index] ?? 0) - (right![index] ?? 0)
    if (difference !== 0) return difference
  }

  return 0
}

const LIBRARIES = new Set([
  'openvino',
  'openvino_c',
  'openvino_auto_plugin',
  'openvino_auto_batch_plugin',
  'openvino_hetero_plugin',
  'openvino_intel_cpu_plugin',
  'openvino_arm_cpu_plugin',
  'openvino_intel_gpu_plugin',
  'openvino_intel_npu_plugin',
  'openvino_intel_npu_compiler',
  'openvino_intel_npu_compiler_loader',
  'openvino_intel_npu_vm_runtime',
  'openvino_ir_frontend',
  'openvino_onnx_frontend',
  'tbb',
  'tbb12',
  'tbbbind_2_5',
  'tbbmalloc',
  'hwloc',
])

/** libtbb.so.12, libopenvino.2641.dylib, openvino_c.dll, with the name of the library as the group. */
const LIBRARY_FILE = /^(?:lib)?(\w+?)(?:\.\d+)?\.(?:so|dylib|dll)(?:\.\d+)?$/
const LICENCE = /^openvino-[\d.]+\.dist-info\/licenses\/(.+)$/

/**
 * Where a member of the wheel goes in the managed folder, or null for what is not needed: the frontends of other
 * frameworks, Python modules, headers, import libraries. `cache.json` holds kernel settings that the GPU plugin reads.
 */
export function selectMember(member: string): string | null {
  const licence = LICENCE.exec(member)?.[1]
  if (licence) return `licenses/${licence}`
  const file = /^openvino\/libs\/([^/]+)$/.exec(member)?.[1]
  if (!file) return null
  const library = LIBRARY_FILE.exec(file)?.[1]
  return file === 'cache.json' || (library && LIBRARIES.has(library)) ? file : null
}
