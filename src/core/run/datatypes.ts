/**
 * What each element type of the Open Inference Protocol is in JavaScript: its array, its width and the numbers it
 * takes. FP16 and BF16 travel as their 16-bit patterns, so they take what a UINT16 takes.
 */
import type {Datatype, TensorData} from '../engine/engine.ts'

export type ElementKind = 'boolean' | 'float' | 'integer' | 'integer64' | 'pattern'

export interface DatatypeInfo {
  readonly kind: ElementKind
  readonly bytes: 1 | 2 | 4 | 8
  /** The least and greatest number that an element can be sent as, both included. */
  readonly min: bigint | number
  readonly max: bigint | number
  /** A zero-filled array of `count` elements. */
  allocate(count: number): TensorData
  /** `count` elements that start `offset` bytes into `buffer`; `offset` must be a multiple of `bytes`. */
  view(buffer: ArrayBufferLike, offset: number, count: number): TensorData
}

interface ArrayType {
  new (count: number): TensorData
  new (buffer: ArrayBufferLike, offset: number, count: number): TensorData
  readonly BYTES_PER_ELEMENT: number
}

function describe(type: unknown, kind: ElementKind, min: bigint | number, max: bigint | number): DatatypeInfo {
  const Type = type as ArrayType
  return {
    kind,
    bytes: Type.BYTES_PER_ELEMENT as DatatypeInfo['bytes'],
    min,
    max,
    allocate: (count) => new Type(count),
    view: (buffer, offset, count) => new Type(buffer, offset, count),
  }
}

/** Halfway between the greatest float32 and the next power of two: from here on a number would become infinite. */
const FLOAT32_OVERFLOW = 2 ** 128 - 2 ** 103

export const DATATYPE_INFO: Readonly<Record<Datatype, DatatypeInfo>> = {
  BOOL: describe(Uint8Array, 'boolean', 0, 1),
  UINT8: describe(Uint8Array, 'integer', 0, 0xff),
  UINT16: describe(Uint16Array, 'integer', 0, 0xff_ff),
  UINT32: describe(Uint32Array, 'integer', 0, 0xff_ff_ff_ff),
  UINT64: describe(BigUint64Array, 'integer64', 0n, 2n ** 64n - 1n),
  INT8: describe(Int8Array, 'integer', -0x80, 0x7f),
  INT16: describe(Int16Array, 'integer', -0x80_00, 0x7f_ff),
  INT32: describe(Int32Array, 'integer', -0x80_00_00_00, 0x7f_ff_ff_ff),
  INT64: describe(BigInt64Array, 'integer64', -(2n ** 63n), 2n ** 63n - 1n),
  FP16: describe(Uint16Array, 'pattern', 0, 0xff_ff),
  BF16: describe(Uint16Array, 'pattern', 0, 0xff_ff),
  // The greatest double below the overflow: its neighbour above is the overflow itself.
  FP32: describe(Float32Array, 'float', -(FLOAT32_OVERFLOW - 2 ** 75), FLOAT32_OVERFLOW - 2 ** 75),
  FP64: describe(Float64Array, 'float', -Number.MAX_VALUE, Number.MAX_VALUE),
}

/** How many elements a tensor of `shape` has; 1 for a scalar, whose shape is empty. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** A shape as messages show it: `[1,576]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(',')}]`
}
