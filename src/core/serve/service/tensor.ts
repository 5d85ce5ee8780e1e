/** Tensors as the Open Inference Protocol names them, and their bytes. */
import type {Buffer} from 'node:buffer'

import type {Datatype, TensorData} from '../../engine/engine.ts'

import {NpuBridgeError} from '../../errors.ts'
import {DATATYPE_INFO, elementCount, shapeText} from '../../run/datatypes.ts'
import {showValue} from '../../run/fields.ts'
import {nameSuggestions} from '../../run/nearest.ts'

/** What the engines compute with, and BYTES: elements of any length, each behind its length in four bytes. */
export type WireDatatype = 'BYTES' | Datatype

/** A tensor on its way in or out. The data of BYTES is the encoded whole. */
export interface WireTensor {
  readonly datatype: WireDatatype
  readonly shape: readonly number[]
  readonly data: TensorData
}

export const WIRE_DATATYPES = [...Object.keys(DATATYPE_INFO), 'BYTES'] as readonly WireDatatype[]
const KNOWN = new Set<unknown>(WIRE_DATATYPES)
const MOST_DIMENSIONS = 64
const LENGTH_BYTES = 4

/** @throws {NpuBridgeError} INVALID_ARGUMENT naming the nearest datatype */
export function wireDatatype(value: unknown, place: string): WireDatatype {
  if (KNOWN.has(value)) return value as WireDatatype
  throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(value)}, which is not a datatype`, {
    suggestions: nameSuggestions(String(value), WIRE_DATATYPES, 'datatypes'),
  })
}

/**
 * Checks a shape before anything is allocated for it, and gives how many elements it has.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is no shape, SHAPE_MISMATCH for one that is too large
 */
export function countElements(shape: unknown, place: string, most: number): number {
  if (!Array.isArray(shape)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(shape)}, it must be an array of sizes`)
  }

  if (shape.length > MOST_DIMENSIONS) {
    throw new NpuBridgeError('SHAPE_MISMATCH', `${place} has ${shape.length} dimensions, at most ${MOST_DIMENSIONS}`)
  }

  let count = 1
  for (let index = 0; index < shape.length; index++) {
    const size: unknown = shape[index]
    // 31 bits is what a dimension has room for on its way to the engine.
    if (!Number.isInteger(size) || (size as number) < 0 || (size as number) > 0x7f_ff_ff_ff) {
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `${place}[${index}] is ${showValue(size)}, sizes are whole numbers from 0`,
      )
    }

    count *= size as number
    // Also where a later zero would make it small again: nobody means that.
    if (count > most) {
      throw new NpuBridgeError('SHAPE_MISMATCH', `${place} ${shapeText(shape)} has more than ${most} elements`)
    }
  }

  return count
}

/**
 * The elements in `bytes` from `offset` on, in place where their alignment allows, else copied.
 *
 * @throws {NpuBridgeError} SHAPE_MISMATCH where they are not as many bytes as the shape says
 */
export function tensorOf(
  place: string,
  {datatype, shape, count}: {datatype: WireDatatype; shape: readonly number[]; count: number},
  bytes: Buffer,
  offset: number,
  byteLength: number,
): WireTensor {
  if (datatype === 'BYTES') {
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset + offset, byteLength)
    checkElements(place, shape, count, data)
    return {datatype, shape, data}
  }

  const info = DATATYPE_INFO[datatype]
  if (byteLength !== count * info.bytes) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `${place} has ${byteLength} bytes, but ${datatype} ${shapeText(shape)} takes ${count * info.bytes}`,
    )
  }

  const at = bytes.byteOffset + offset
  if (at % info.bytes === 0) return {datatype, shape, data: info.view(bytes.buffer, at, count)}
  const copy = new Uint8Array(byteLength)
  copy.set(new Uint8Array(bytes.buffer, at, byteLength))
  return {datatype, shape, data: info.view(copy.buffer, 0, count)}
}

function checkElements(place: string, shape: readonly number[], count: number, data: Uint8Array): void {
  const found = countByteElements(data)
  if (found === count) return
  const what = found === undefined ? 'lengths that do not fit its size' : `${found} elements`
  throw new NpuBridgeError(
    'SHAPE_MISMATCH',
    `${place} has ${what}, but the shape ${shapeText(shape)} takes ${elementCount(shape)}`,
  )
}

/** How many elements BYTES hold; undefined where the last one is cut off. */
function countByteElements(data: Uint8Array): number | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  let count = 0
  while (at + LENGTH_BYTES <= data.length) {
    at += LENGTH_BYTES + view.getUint32(at, true)
    count++
  }

  return at === data.length ? count : undefined
}

/** Elements as BYTES. */
export function encodeByteElements(elements: readonly Uint8Array[]): Uint8Array {
  const encoded = new Uint8Array(elements.reduce((sum, {length}) => sum + LENGTH_BYTES + length, 0))
  const view = new DataView(encoded.buffer)
  let at = 0
  for (const element of elements) {
    view.setUint32(at, element.length, true)
    encoded.set(element, at + LENGTH_BYTES)
    at += LENGTH_BYTES + element.length
  }

  return encoded
}

/** The elements of BYTES, in place. */
export function decodeByteElements(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const elements: Uint8Array[] = []
  for (let at = 0; at + LENGTH_BYTES <= data.length;) {
    const start = at + LENGTH_BYTES
    at = start + view.getUint32(at, true)
    elements.push(data.subarray(start, at))
  }

  return elements
}
