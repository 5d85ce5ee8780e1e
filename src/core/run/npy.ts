/**
 * NumPy's .npy format, versions 1 to 3, for the element types that tensors have. Our own because the reader that npm
 * offers ignores byte order, does not check sizes and turns float16 into float32.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import {Buffer} from 'node:buffer'

import type {Datatype, Tensor, TensorData} from '../engine/engine.ts'

import {datatypeOf} from '../engine/validate.ts'
import {NpuBridgeError} from '../errors.ts'
import {DATATYPE_INFO, elementCount} from './datatypes.ts'

const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59])
/** No header that we read is longer, in bytes; its length is a 32-bit number, which a hostile file could abuse. */
export const LONGEST_NPY_HEADER = 1024 * 1024
/** Magic, version and the longer form of the header's length. */
const SHORTEST = 12
/** NumPy aligns the data to this, so that it can be mapped. */
const ALIGNMENT = 64

const DATATYPE_BY_CODE: Readonly<Record<string, Datatype>> = {
  b1: 'BOOL',
  u1: 'UINT8',
  u2: 'UINT16',
  u4: 'UINT32',
  u8: 'UINT64',
  i1: 'INT8',
  i2: 'INT16',
  i4: 'INT32',
  i8: 'INT64',
  f2: 'FP16',
  f4: 'FP32',
  f8: 'FP64',
}
/** NumPy has no bfloat16: its patterns are written as what they are in memory. */
const CODE_BY_DATATYPE: Readonly<Record<Datatype, string>> = {
  ...(Object.fromEntries(Object.entries(DATATYPE_BY_CODE).map(([code, datatype]) => [datatype, code])) as Record<
    Datatype,
    string
  >),
  BF16: 'u2',
}

export interface NpyHeader {
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly bigEndian: boolean
  readonly fortranOrder: boolean
  /** Where the data starts, in bytes. */
  readonly dataOffset: number
}

/** Where the data starts; throws for what is not .npy of a known version. */
function npyDataOffset(prefix: Buffer, name: string): number {
  if (prefix.length < SHORTEST || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw invalid(name, String.raw`is not an .npy file: it does not start with \x93NUMPY`)
  }

  const version = prefix[6]!
  if (version < 1 || version > 3) throw invalid(name, `is .npy version ${version}; 1, 2 and 3 are known`)
  const offset = version === 1 ? 10 + prefix.readUInt16LE(8) : 12 + prefix.readUInt32LE(8)
  if (offset > LONGEST_NPY_HEADER) throw invalid(name, `has an .npy header of ${offset} bytes, which is not credible`)
  return offset
}

/**
 * @param bytes the file's start, at least up to its data.
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a header that is cut off, not understood, or of an element type that no
 *   tensor has.
 */
export function readNpyHeader(bytes: Buffer, name: string): NpyHeader {
  const dataOffset = npyDataOffset(bytes, name)
  if (bytes.length < dataOffset) throw invalid(name, 'ends within its .npy header')
  const text = bytes.subarray(bytes[6] === 1 ? 10 : 12, dataOffset).toString('utf8')
  const order = /(["'])fortran_order\1\s*:\s*(True|False)/.exec(text)?.[2]
  const shapeList = /(["'])shape\1\s*:\s*\(([^)]*)\)/.exec(text)?.[2]
  if (order === undefined || shapeList === undefined) throw invalid(name, `has an .npy header without order or shape`)
  return {...elementType(text, name), dataOffset, fortranOrder: order === 'True', shape: readShape(shapeList, name)}
}

/** Element type and byte order of `'descr': '<f4'`. */
function elementType(header: string, name: string): {bigEndian: boolean; datatype: Datatype} {
  const descr = /(["'])descr\1\s*:\s*(["'])(.*?)\2/.exec(header)?.[3]
  const datatype = descr === undefined ? undefined : DATATYPE_BY_CODE[descr.slice(1)]
  if (descr === undefined || datatype === undefined || !'<>|='.includes(descr[0]!)) {
    throw invalid(name, `has elements of type ${descr ?? 'a record'}, which no tensor has`, [
      `convert it in Python: numpy.save(path, numpy.load(path).astype("float32"))`,
    ])
  }

  return {bigEndian: descr.startsWith('>'), datatype}
}

function readShape(list: string, name: string): number[] {
  const parts = list.split(',').map((part) => part.trim())
  if (parts.at(-1) === '') parts.pop()
  const shape = parts.map((part) => (/^\d+L?$/.test(part) ? Number(part.replace('L', '')) : NaN))
  if (!Number.isSafeInteger(elementCount(shape))) throw invalid(name, `has the shape (${list}), which is not one`)
  return shape
}

function invalid(name: string, problem: string, suggestions: readonly string[] = []): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${name} ${problem}`, {suggestions})
}

/**
 * Elements from the bytes of a file, which may be little- or big-endian, as a typed array of this machine. `bytes` is
 * taken over: its order may be changed, and the array may be a view of it.
 */
export function elementsFromBytes(bytes: Buffer, datatype: Datatype, bigEndian: boolean): TensorData {
  const info = DATATYPE_INFO[datatype]
  const count = bytes.length / info.bytes
  // Typed arrays need alignment, which a slice of a pooled buffer may lack.
  const own = bytes.byteOffset % info.bytes === 0 ? bytes : alignedCopy(bytes)
  if (bigEndian && info.bytes === 2) own.swap16()
  if (bigEndian && info.bytes === 4) own.swap32()
  if (bigEndian && info.bytes === 8) own.swap64()
  return info.view(own.buffer, own.byteOffset, count)
}

function alignedCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

/** The elements of a column-major array of `shape`, in row-major order. */
export function rowMajor(data: TensorData, shape: readonly number[], datatype: Datatype): TensorData {
  const target = DATATYPE_INFO[datatype].allocate(data.length) as Float64Array
  const source = data as Float64Array
  const strides: number[] = []
  let stride = 1
  for (const size of shape) {
    strides.push(stride)
    stride *= size
  }

  const index = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < target.length; to++) {
    target[to] = source[from]!
    from += step(index, shape, strides)
  }

  return target
}

/** Counts `index` up like an odometer, last dimension first; returns how far that moves in the column-major array. */
function step(index: number[], shape: readonly number[], strides: readonly number[]): number {
  let move = 0
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    move += strides[axis]!
    index[axis]!++
    if (index[axis]! < shape[axis]!) return move
    move -= strides[axis]! * shape[axis]!
    index[axis] = 0
  }

  return move
}

/** A tensor as an .npy file of version 1 (3 where the header is too long for it), little-endian, row-major. */
export function encodeNpy(tensor: Tensor): Buffer {
  const datatype = datatypeOf(tensor)
  const info = DATATYPE_INFO[datatype]
  const descr = `${info.bytes === 1 ? '|' : '<'}${CODE_BY_DATATYPE[datatype]}`
  const shape = tensor.shape.length === 1 ? `${tensor.shape[0]},` : tensor.shape.join(', ')
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`
  const {data} = tensor
  return Buffer.concat([npyPreamble(header), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])
}

function npyPreamble(header: string): Buffer {
  const long = header.length + 10 + ALIGNMENT > 0xff_ff
  const fixed = long ? 12 : 10
  const total = Math.ceil((fixed + header.length + 1) / ALIGNMENT) * ALIGNMENT
  const bytes = Buffer.alloc(total, ' ')
  MAGIC.copy(bytes)
  bytes[6] = long ? 3 : 1
  bytes[7] = 0
  if (long) bytes.writeUInt32LE(total - fixed, 8)
  else bytes.writeUInt16LE(total - fixed, 8)
  bytes.write(header, fixed, 'utf8')
  bytes[total - 1] = 0x0a
  return bytes
}
