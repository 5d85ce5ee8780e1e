/** Inputs for any model that describes itself, so that it can be measured without knowing what it is for. */
import type {Datatype, Tensor, TensorData} from '../engine/engine.ts'

/** What `load_model` tells of a model. */
export interface Description {
  readonly inputs: ReadonlyArray<{
    readonly datatype: Datatype
    readonly name: string
    /** -1 for a dimension that is free. */
    readonly shape: readonly number[]
  }>
  /** Inferences on the device at once; null or absent where the device does not tell. */
  readonly requests?: null | number
}

/** What stands for a free dimension that is not that of the batch: the length of a short text, in tokens. */
const FREE_DIMENSION = 128

/** Whether every input leaves the number of items free. */
export function takesBatches({inputs}: Description): boolean {
  return inputs.length > 0 && inputs.every(({shape}) => shape[0] !== undefined && shape[0] < 0)
}

/** Inputs of `batch` items: the same ones each time, and none of them zero. */
export function inputsFor({inputs}: Description, batch = 1): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({datatype, name, shape: declared}) => {
      const shape = declared.map((size, axis) => (size >= 0 ? size : axis === 0 ? batch : FREE_DIMENSION))
      const elements = shape.reduce((product, size) => product * size, 1)
      return [name, {datatype, shape, data: ARRAYS[datatype](elements)}]
    }),
  )
}

/** `input [1, 576] and state [2, 1, 128]` */
export function describeInputs(inputs: Readonly<Record<string, Tensor>>): string {
  return Object.entries(inputs)
    .map(([name, {shape}]) => `${name} [${shape.join(', ')}]`)
    .join(' and ')
}

/** Ones are what token numbers, masks, bytes and flags take. */
const ARRAYS: Readonly<Record<Datatype, (length: number) => TensorData>> = {
  BOOL: (length) => new Uint8Array(length).fill(1),
  UINT8: (length) => new Uint8Array(length).fill(1),
  UINT16: (length) => new Uint16Array(length).fill(1),
  UINT32: (length) => new Uint32Array(length).fill(1),
  UINT64: (length) => new BigUint64Array(length).fill(1n),
  INT8: (length) => new Int8Array(length).fill(1),
  INT16: (length) => new Int16Array(length).fill(1),
  INT32: (length) => new Int32Array(length).fill(1),
  INT64: (length) => new BigInt64Array(length).fill(1n),
  // The patterns of 1: an exponent of 15 in five bits, of 127 in eight.
  FP16: (length) => new Uint16Array(length).fill(0x3c_00),
  BF16: (length) => new Uint16Array(length).fill(0x3f_80),
  FP32: (length) => Float32Array.from({length}, wave),
  FP64: (length) => Float64Array.from({length}, wave),
}

function wave(_: unknown, index: number): number {
  return 0.3 * Math.sin(index / 5)
}
