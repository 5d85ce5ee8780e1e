import {Buffer} from 'node:buffer'
import {createHash} from 'node:crypto'
import {mkdir, readFile, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {RuntimeWheel} from '../../src/core/runtime/wheel.ts'

import {writeZip, type ZipMember} from './zip.ts'

/** Bytes that pass for a shared library of this machine as long as nobody loads it. */
export function fakeLibrary(padding = 64): Buffer {
  const header = Buffer.alloc(64 + padding)
  header.writeUInt32BE(0x7f_45_4c_46, 0)
  header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18)
  return header
}

/** A folder with what discovery looks at, of the given version suffix: 2641 is 2026.4.1. */
export async function fakeRuntime(folder: string, suffix = '2641'): Promise<string> {
  await mkdir(folder, {recursive: true})
  await writeFile(path.join(folder, `libopenvino_c.so.${suffix}`), fakeLibrary())
  await writeFile(path.join(folder, `libopenvino.so.${suffix}`), fakeLibrary())
  return folder
}

const MEMBERS: ZipMember[] = [
  {name: 'openvino/__init__.py', content: 'raise ImportError'},
  {name: 'openvino/libs/libopenvino.so.2641', content: fakeLibrary(4096)},
  {name: 'openvino/libs/libopenvino_c.so.2641', content: fakeLibrary(1024)},
  {name: 'openvino/libs/libopenvino_paddle_frontend.so.2641', content: fakeLibrary()},
  {name: 'openvino/libs/libtbb.so.12', content: fakeLibrary()},
  {name: 'openvino-2026.4.1.dist-info/licenses/LICENSE', content: 'Apache License'},
]

/** A small wheel laid out like OpenVINO's, and its pin. */
export async function fakeWheel(folder: string): Promise<{file: string; pinned: RuntimeWheel}> {
  const name = 'openvino-2026.4.1-22982-cp312-cp312-manylinux_2_28_x86_64.whl'
  const file = path.join(folder, name)
  await writeZip(file, MEMBERS)
  return {file, pinned: await pinOf(file, 'openvino', '2026.4.1')}
}

export async function pinOf(file: string, distribution: string, version: string): Promise<RuntimeWheel> {
  const {size} = await stat(file)
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  return {distribution, version, file: path.basename(file), sha256, bytes: size, unpackedBytes: 10_000}
}
