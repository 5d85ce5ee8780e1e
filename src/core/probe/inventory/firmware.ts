/** The firmware file that the driver would load, and what its header says. */
import type {Buffer} from 'node:buffer'

import zlib from 'node:zlib'

import type {Root} from '../root.ts'

import {isValue, printable, valueOf, wordOf} from '../reading.ts'
import {firmwareNames, type NpuGeneration} from './catalogue.ts'

export interface FirmwareApi {
  readonly boot: string
  readonly jobs: string
  readonly management: string
  readonly mappedInference: string
}

export interface Firmware {
  /** File names that would do, most wanted first. */
  readonly wanted: readonly string[]
  readonly folders: readonly string[]
  /** The first one found. */
  readonly file: string | null
  /** From the header; null when there is no file or it cannot be read (xz needs another program). */
  readonly version: string | null
  readonly api: FirmwareApi | null
}

const HEADER_BYTES = 4096 + 256
/** Enough compressed bytes for the header, whatever the compression. */
const COMPRESSED_BYTES = 1 << 17
const API_VERSIONS = 0x54
const VERSION_TEXT = 4096
/** ZSTD_e_flush: the input may end anywhere. */
const ZSTD_FLUSH = 1
const SUFFIXES = ['', '.zst', '.xz']

export function gatherFirmware(root: Root, generation: NpuGeneration): Firmware {
  const folders = firmwareFolders(root)
  const wanted = firmwareNames(generation)
  const candidates = wanted.flatMap((name) =>
    folders.flatMap((folder) => SUFFIXES.map((suffix) => `${folder}/${name}${suffix}`)),
  )
  const file = candidates.find((candidate) => isValue(root.canonical(candidate))) ?? null
  return {wanted, folders, file, ...parseHeader(file ? readHeader(root, file) : null)}
}

function firmwareFolders(root: Root): string[] {
  const named = wordOf(root.text('/sys/module/firmware_class/parameters/path'))
  return [...(named ? [named] : []), '/lib/firmware/updates', '/lib/firmware']
}

function readHeader(root: Root, file: string): Buffer | null {
  if (file.endsWith('.xz')) return null
  const isCompressed = file.endsWith('.zst')
  const bytes = valueOf(root.bytes(file, 0, isCompressed ? COMPRESSED_BYTES : HEADER_BYTES))
  return bytes && isCompressed ? decompress(bytes) : bytes
}

/** Gives what a cut-off stream holds; null where Node is older than 22.15, which has no Zstandard, or the bytes are none. */
function decompress(bytes: Buffer): Buffer | null {
  try {
    // eslint-disable-next-line n/no-unsupported-features/node-builtins -- its absence is caught
    return zlib.zstdDecompressSync(bytes, {finishFlush: ZSTD_FLUSH, maxOutputLength: 64 << 20})
  } catch {
    return null
  }
}

/** u32 header version 1 at 0, sixteen u32 API versions (major in the upper half) at 0x54, a text at 4096. */
export function parseHeader(header: Buffer | null): {api: FirmwareApi | null; version: string | null} {
  if (!header || header.length < HEADER_BYTES || header.readUInt32LE(0) !== 1) return {api: null, version: null}
  const api = (index: number) => {
    const packed = header.readUInt32LE(API_VERSIONS + index * 4)
    return `${packed >>> 16}.${packed & 0xff_ff}`
  }

  const text = header.toString('latin1', VERSION_TEXT, HEADER_BYTES)
  const version = printable(/^[ -~]{1,128}/.exec(text)?.[0] ?? '').trim()
  return {api: {boot: api(0), jobs: api(3), management: api(4), mappedInference: api(7)}, version: version || null}
}
