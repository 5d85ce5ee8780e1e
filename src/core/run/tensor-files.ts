/**
 * Tensors that a line takes from a file, whole or a window of it. Thousands of lines usually cut windows from one file,
 * so decoded files are kept (least recently used ones go first) and only a stat(2) per line tells that the file is
 * still the same. Files too large to keep are read window by window.
 */
import type {Buffer} from 'node:buffer'

import path from 'node:path'

import type {Datatype, Tensor, TensorData} from '../engine/engine.ts'

import {DATATYPE_INFO, elementCount, shapeText} from './datatypes.ts'
import {fieldError} from './fields.ts'
import {readAtOnce, readRange, statFile} from './file-bytes.ts'
import {type FileReference, isRaw, type Layout, readLayout, type Wanted} from './file-layout.ts'
import {LONGEST_NPY_HEADER} from './npy.ts'

export interface LoadedTensor {
  readonly tensor: Tensor
  /** Nobody else uses the buffer: it may be given away. */
  readonly owned: boolean
}

export interface TensorFilesOptions {
  readonly folder: string
  /**
   * How much decoded data is kept, in bytes.
   * @default 256 MiB
   */
  readonly cacheBytes?: number
  /**
   * A file up to this size is read whole and kept, a larger one window by window.
   * @default 64 MiB
   */
  readonly wholeBytes?: number
}

const MIB = 1024 * 1024
const READ_AT_ONCE = MIB
/** Entries of large files hold no elements; their number is bounded all the same. */
const MOST_FILES = 4096
/**
 * Time stamps of files advance in steps of some milliseconds: a file changed less than this before it was read may
 * change again without its stamp telling, so what was read is not reused.
 */
const STAMP_RESOLUTION_MS = 100

interface Entry {
  readonly stamp: string
  readonly reusable: boolean
  readonly layout: Layout
  /** All elements, unless the file is too large to keep. */
  readonly elements: TensorData | undefined
}

export class TensorFiles {
  readonly #folder: string
  readonly #cacheBytes: number
  readonly #wholeBytes: number
  /** In order of use, the most recent last. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  /** How often a file's content was read, for tests of the cache. */
  reads = 0

  constructor(options: TensorFilesOptions) {
    this.#folder = options.folder
    this.#cacheBytes = options.cacheBytes ?? 256 * MIB
    this.#wholeBytes = options.wholeBytes ?? 64 * MIB
  }

  /**
   * At once where the file is kept or small, else a promise. `place` is the path of the reference, for messages.
   * @throws {Error} NpuBridgeError: INVALID_ARGUMENT for a file that cannot be read or understood, SHAPE_MISMATCH for a window
   *   that does not fit, DTYPE_MISMATCH where file and reference disagree.
   */
  read(reference: FileReference, place: string): LoadedTensor | Promise<LoadedTensor> {
    const wanted = {file: path.resolve(this.#folder, reference.file), place, reference}
    const {file} = wanted
    const stat = statFile(file, place)
    const stamp = `${stat.mtimeNs}:${stat.ctimeNs}:${stat.size}:${stat.ino}`
    // Raw files are decoded as what the reference says, so the same one may be kept twice.
    const key = `${file}\0${isRaw(file) ? reference.datatype : ''}`
    const known = this.#entries.get(key)
    if (known?.reusable && known.stamp === stamp) {
      this.#touch(key, known)
      return cutWindow(known, wanted)
    }

    const size = Number(stat.size)
    const reusable = Date.now() - Number(stat.mtimeMs) > STAMP_RESOLUTION_MS
    const finish = (bytes: Buffer): LoadedTensor | Promise<LoadedTensor> => {
      this.reads++
      const entry = {...this.#decode(bytes, size, wanted), reusable, stamp}
      this.#keep(key, entry)
      return cutWindow(entry, wanted)
    }

    if (size <= READ_AT_ONCE && size <= this.#wholeBytes) return finish(readAtOnce(file, size, place))
    return readRange(file, 0, this.#bytesToRead(file, size), place).then(finish)
  }

  /** The whole file, or what is certain to hold the header of one that is too large to be kept. */
  #bytesToRead(file: string, size: number): number {
    return size <= this.#wholeBytes ? size : Math.min(size, LONGEST_NPY_HEADER)
  }

  #decode(bytes: Buffer, size: number, wanted: Wanted): {elements: TensorData | undefined; layout: Layout} {
    const layout = readLayout(bytes, size, wanted)
    const end = layout.dataOffset + layout.count * layout.bytesPerElement
    if (bytes.length === size) return {elements: layout.decode(bytes.subarray(layout.dataOffset, end)), layout}
    if (!layout.columnMajor) return {elements: undefined, layout}
    throw fieldError(
      `${wanted.place}.file`,
      `${wanted.file} is column-major and too large to be reordered (${size} bytes)`,
      {
        suggestions: ['save it row-major: numpy.save(path, numpy.ascontiguousarray(array))'],
      },
    )
  }

  #touch(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
  }

  #keep(key: string, entry: Entry): void {
    this.#bytes -= sizeOf(this.#entries.get(key))
    this.#touch(key, entry)
    this.#bytes += sizeOf(entry)
    for (const [oldest, old] of this.#entries) {
      if (this.#bytes <= this.#cacheBytes && this.#entries.size <= MOST_FILES) return
      this.#entries.delete(oldest)
      this.#bytes -= sizeOf(old)
    }
  }
}

function sizeOf(entry: Entry | undefined): number {
  return entry?.elements?.byteLength ?? 0
}

function cutWindow({elements, layout}: Entry, wanted: Wanted): LoadedTensor | Promise<LoadedTensor> {
  const {file, place, reference} = wanted
  const {shape, start} = windowOf(layout, wanted)
  const datatype = reference.datatype ?? layout.datatype
  const count = elementCount(shape)
  const from = Math.max(0, start)
  const to = Math.max(from, Math.min(start + count, layout.count))
  const loaded = (found: TensorData, owned: boolean): LoadedTensor => {
    if (found.length === count) return {owned, tensor: {data: found, datatype, shape}}
    return {owned: true, tensor: {data: padded(found, from - start, count, datatype), datatype, shape}}
  }

  if (elements) return loaded(elements.subarray(from, to), false)
  const offset = layout.dataOffset + from * layout.bytesPerElement
  return readRange(file, offset, (to - from) * layout.bytesPerElement, place).then((bytes) =>
    loaded(layout.decode(bytes), true),
  )
}

/** Which elements of the file the reference asks for. */
function windowOf(layout: Layout, wanted: Wanted): {shape: readonly number[]; start: number} {
  checkDeclaredDatatype(layout, wanted)
  const {file, place, reference} = wanted
  const {offset, pad} = reference
  const shape = reference.shape ?? layout.shape!
  const count = elementCount(shape)
  if (offset === undefined && !pad) {
    if (count === layout.count) return {shape, start: 0}
    throw fieldError(`${place}.shape`, `is ${shapeText(shape)}, ${count} elements, but ${file} has ${layout.count}`, {
      code: 'SHAPE_MISMATCH',
      suggestions: ['"offset": 0 takes a window of the file, "pad": true fills a short one with zeros'],
    })
  }

  if (!reference.shape) throw fieldError(`${place}.shape`, 'is missing: it says how long the window is')
  const start = offset ?? 0
  if (!pad && start + count > layout.count) {
    throw fieldError(
      `${place}.offset`,
      `${start} and shape ${shapeText(shape)} end at element ${start + count}, but ${file} has ${layout.count}`,
      {code: 'SHAPE_MISMATCH', suggestions: ['"pad": true fills what is missing with zeros']},
    )
  }

  return {shape, start}
}

function checkDeclaredDatatype(layout: Layout, {file, place, reference}: Wanted): void {
  const declared = reference.datatype
  if (declared === undefined || declared === layout.datatype) return
  // NumPy has no bfloat16, and 16-bit patterns are often kept as what they are.
  if (layout.datatype === 'UINT16' && DATATYPE_INFO[declared].kind === 'pattern') return
  throw fieldError(`${place}.datatype`, `is ${declared}, but ${file} is read as ${layout.datatype}`, {
    code: 'DTYPE_MISMATCH',
    suggestions: ['leave "datatype" out, or convert the file'],
  })
}

/** `elements` with `before` zeros in front and as many behind as make `count`. */
function padded(elements: TensorData, before: number, count: number, datatype: Datatype): TensorData {
  const target = DATATYPE_INFO[datatype].allocate(count) as Float64Array
  // A window that lies wholly outside has nothing to copy, and no place to copy it to.
  if (elements.length > 0) target.set(elements as Float64Array, before)
  return target
}
