/** What a file that holds a tensor looks like inside: .npy, WAV, or raw little-endian binary. */
import type {Buffer} from 'node:buffer'

import type {Datatype, TensorData} from '../engine/engine.ts'

import {DATATYPE_INFO, elementCount, shapeText} from './datatypes.ts'
import {fieldError} from './fields.ts'
import {elementsFromBytes, readNpyHeader, rowMajor} from './npy.ts'
import {decodeSamples, readWavFormat} from './wav.ts'

export interface FileReference {
  /** Relative to the folder of the JSON Lines file. `.npy` and `.wav` are known by name, all else is raw. */
  readonly file: string
  readonly shape?: readonly number[]
  readonly datatype?: Datatype
  /** The element to start at; elements before the first are zeros. Makes this a window of `shape`. */
  readonly offset?: number
  /** Elements past the last are zeros instead of an error. */
  readonly pad?: boolean
}

/** A reference and where it stands and leads. */
export interface Wanted {
  readonly reference: FileReference
  /** The absolute path of the file. */
  readonly file: string
  /** The path of the reference in its line, for messages. */
  readonly place: string
}

/** What a file holds and how to make elements of its bytes. */
export interface Layout {
  readonly datatype: Datatype
  /** The file's own shape; raw files have none. */
  readonly shape: readonly number[] | undefined
  readonly count: number
  /** In bytes, from the file's start. */
  readonly dataOffset: number
  readonly bytesPerElement: number
  /** Elements are not in the order of the file, so windows can only be cut from the whole. */
  readonly columnMajor: boolean
  decode(bytes: Buffer): TensorData
}

function isNpy(file: string): boolean {
  return /\.npy$/i.test(file)
}

function isWav(file: string): boolean {
  return /\.wave?$/i.test(file)
}

export function isRaw(file: string): boolean {
  return !isNpy(file) && !isWav(file)
}

/**
 * The layout from `bytes`, the start of a file of `size` bytes.
 * @throws {Error} NpuBridgeError: INVALID_ARGUMENT for a file that is not what its name says, or cut off.
 */
export function readLayout(bytes: Buffer, size: number, wanted: Wanted): Layout {
  const {file, place} = wanted
  if (isNpy(file)) return npyLayout(bytes, size, `${place}.file ${file}`)
  if (isWav(file)) return wavLayout(bytes, size, `${place}.file ${file}`)
  return rawLayout(size, wanted)
}

function npyLayout(bytes: Buffer, size: number, name: string): Layout {
  const header = readNpyHeader(bytes, name)
  const {bytes: bytesPerElement} = DATATYPE_INFO[header.datatype]
  const count = elementCount(header.shape)
  const available = size - header.dataOffset
  if (available !== count * bytesPerElement) {
    const problem = available < count * bytesPerElement ? 'is cut off' : 'is longer than its header says'
    throw fieldError(
      name,
      `${problem}: ${available} bytes of data where ${shapeText(header.shape)} ${header.datatype} takes ${count * bytesPerElement}`,
    )
  }

  const columnMajor = header.fortranOrder && header.shape.filter((length) => length > 1).length > 1
  const decode = (data: Buffer) => {
    const elements = elementsFromBytes(data, header.datatype, header.bigEndian)
    return columnMajor ? rowMajor(elements, header.shape, header.datatype) : elements
  }

  return {
    bytesPerElement,
    columnMajor,
    count,
    dataOffset: header.dataOffset,
    datatype: header.datatype,
    decode,
    shape: header.shape,
  }
}

function wavLayout(bytes: Buffer, size: number, name: string): Layout {
  const format = readWavFormat(bytes, size, name)
  return {
    bytesPerElement: format.bytesPerSample,
    columnMajor: false,
    count: format.samples,
    dataOffset: format.dataOffset,
    datatype: 'FP32',
    decode: (data) => decodeSamples(data, format),
    shape: [format.samples],
  }
}

function rawLayout(size: number, {file, place, reference}: Wanted): Layout {
  const {datatype} = reference
  if (!datatype || !reference.shape) {
    throw fieldError(
      `${place}.${datatype ? 'shape' : 'datatype'}`,
      `is missing: ${file} is raw binary, which has none`,
      {
        suggestions: ['.npy and .wav files are known by their name; any other needs "shape" and "datatype"'],
      },
    )
  }

  const {bytes: bytesPerElement} = DATATYPE_INFO[datatype]
  if (size % bytesPerElement !== 0) {
    throw fieldError(
      `${place}.file`,
      `${file} has ${size} bytes, not a multiple of the ${bytesPerElement} of ${datatype}`,
      {
        code: 'SHAPE_MISMATCH',
      },
    )
  }

  return {
    bytesPerElement,
    columnMajor: false,
    count: size / bytesPerElement,
    dataOffset: 0,
    datatype,
    decode: (data) => elementsFromBytes(data, datatype, false),
    shape: undefined,
  }
}
