/**
 * What can be told about an OpenVINO library without loading it: where it is, which version it is, and whether the
 * file is whole. Loading a broken library can end the process, so this comes first.
 */
import {readdir, stat} from 'node:fs/promises'
import path from 'node:path'

import {readHead} from '../install/files.ts'
import {compareVersions} from './wheel.ts'

/** The first release whose C library sets properties without variadic calls, on which the engine is built. */
export const LEAST_VERSION = '2026.4.0'

/** Where the libraries are below the folder that people name: a wheel's package, an archive, a distribution. */
const INNER_FOLDERS = [
  '.',
  'libs',
  'openvino/libs',
  'runtime/lib/intel64',
  'runtime/lib/aarch64',
  'runtime/lib/arm64/Release',
  'runtime/bin/intel64/Release',
  'lib/intel64',
  'lib',
]

export interface FoundLibrary {
  readonly folder: string
  /** The C library. */
  readonly library: string
  /** From the file's name; null where names carry no version. */
  readonly version: string | null
}

/** The C library in `folder` or in one of the usual folders below it; the newest where there are several. */
export async function locateLibrary(folder: string): Promise<FoundLibrary | null> {
  for (const inner of INNER_FOLDERS) {
    const found = await libraryIn(path.join(folder, inner))
    if (found) return found
  }

  return null
}

/** The C library directly in `folder`. */
export async function libraryIn(folder: string): Promise<FoundLibrary | null> {
  const names = await readdir(folder).catch(() => [])
  const libraries = names
    .filter((name) => /^(?:libopenvino_c\.so(?:\.\d+)?|libopenvino_c(?:\.\d+)?\.dylib|openvino_c\.dll)$/.test(name))
    .map((name) => ({folder, library: path.join(folder, name), version: versionOf(name)}))
    .toSorted((a, b) => compareVersions(b.version ?? '0', a.version ?? '0'))
  return libraries[0] ?? null
}

/** libopenvino_c.so.2641 is of 2026.4.1: two digits of the year, the release, one digit of the patch. */
export function versionOf(fileName: string): string | null {
  const match = /\.(\d\d)(\d+)(\d)(?:\.dylib)?$/.exec(fileName)
  return match ? `20${match[1]}.${match[2]}.${match[3]}` : null
}

/** Why the libraries in a folder cannot be used, or null when nothing speaks against loading them. */
export async function problemOf({library, version}: FoundLibrary): Promise<string | null> {
  if (version !== null && compareVersions(version, LEAST_VERSION) < 0) {
    return `it is OpenVINO ${version}, ${LEAST_VERSION} is the oldest that works`
  }

  const [before, after] = path.basename(library).split('openvino_c', 2)
  const core = path.join(path.dirname(library), `${before}openvino${after}`)
  return (await damageOf(library)) ?? damageOf(core)
}

/** What is wrong with a shared library as a file; null when it looks whole and is for this machine. */
export async function damageOf(file: string): Promise<string | null> {
  const name = path.basename(file)
  try {
    const {size} = await stat(file)
    const damage = size === 0 ? 'is empty' : damageOfHeader(await readHeader(file), size)
    return damage === null ? null : `${name} ${damage}`
  } catch (error) {
    const {code, message} = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? `${name} is missing` : `${name} cannot be read (${message})`
  }
}

const ELF_HEADER_BYTES = 64
const ELF_MACHINES: Record<string, number> = {x64: 62, arm64: 183}

async function readHeader(file: string): Promise<DataView> {
  const head = await readHead(file, ELF_HEADER_BYTES)
  return new DataView(head.buffer, head.byteOffset, head.byteLength)
}

function damageOfHeader(header: DataView, size: number): string | null {
  if (header.byteLength < ELF_HEADER_BYTES) return 'is not a shared library'
  const magic = header.getUint32(0)
  if (process.platform === 'linux')
    return magic === 0x7f_45_4c_46 ? damageOfElf(header, size) : 'is not a shared library'
  const isKnown = process.platform === 'win32' ? magic >>> 16 === 0x4d_5a : MACH_O.has(magic)
  return isKnown ? null : 'is not a shared library'
}

/** A 64-bit Mach-O file as it stands in memory, and a universal one. */
const MACH_O = new Set([0xcf_fa_ed_fe, 0xca_fe_ba_be])

/** Fields of the 64-bit ELF header: e_machine at 18, e_shoff at 40, e_shentsize at 58, e_shnum at 60 (elf(5)). */
function damageOfElf(header: DataView, size: number): string | null {
  const machine = header.getUint16(18, true)
  const expected = ELF_MACHINES[process.arch]
  if (expected !== undefined && machine !== expected) return `is for another kind of processor (ELF machine ${machine})`
  // The table of sections stands at the end of the file, so a file that is cut off lacks it.
  const end = Number(header.getBigUint64(40, true)) + header.getUint16(58, true) * header.getUint16(60, true)
  return end > size ? `is cut off: it has ${size} bytes of at least ${end}` : null
}
