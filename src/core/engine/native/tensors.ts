import {NpuBridgeError} from '../../errors.ts'
import {type Datatype, DATATYPES, type OutputTensor, type Tensor, type TensorData} from '../engine.ts'

/** The order of the engine's `DataType`; records name types by their index here. */
export const NATIVE_ORDER: readonly Datatype[] = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
]

const INDEX = new Map(NATIVE_ORDER.map((datatype, index) => [datatype, index]))

type TensorDataConstructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TensorData

const CONSTRUCTORS: readonly TensorDataConstructor[] = [
  Uint8Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
  BigUint64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  BigInt64Array,
  Uint16Array,
  Uint16Array,
  Float32Array,
  Float64Array,
]

/** Bytes of one element, by the index of the type. */
const SIZES = CONSTRUCTORS.map(
  (constructor) => (constructor as unknown as {BYTES_PER_ELEMENT: number}).BYTES_PER_ELEMENT,
)

const OF_ARRAY = new Map<unknown, Datatype>([
  [Uint8Array, 'UINT8'],
  [Uint16Array, 'UINT16'],
  [Uint32Array, 'UINT32'],
  [BigUint64Array, 'UINT64'],
  [Int8Array, 'INT8'],
  [Int16Array, 'INT16'],
  [Int32Array, 'INT32'],
  [BigInt64Array, 'INT64'],
  [Float32Array, 'FP32'],
  [Float64Array, 'FP64'],
])

const FLOAT32 = INDEX.get('FP32')!

/**
 * The index of a tensor's type.
 * @throws NpuBridgeError DTYPE_MISMATCH when the array is not a typed one or is not that of the named datatype.
 */
export function datatypeIndex(name: string, tensor: Tensor): number {
  // The most frequent case first: this runs for every input of every inference.
  if (tensor.datatype === undefined && tensor.data instanceof Float32Array) return FLOAT32
  const data = tensor.data as undefined | {constructor?: unknown}
  const natural = OF_ARRAY.get(data?.constructor === Buffer ? Uint8Array : data?.constructor)
  if (natural === undefined) {
    const found = data === undefined || data === null ? String(data) : Array.isArray(data) ? 'an Array' : typeof data
    throw new NpuBridgeError('DTYPE_MISMATCH', `inputs.${name}.data is ${found}, a tensor takes a typed array`, {
      suggestions: ['Float32Array.from(values) for FP32, BigInt64Array.from(values) for INT64'],
    })
  }

  const datatype = tensor.datatype ?? natural
  const index = INDEX.get(datatype)
  if (index === undefined) {
    throw new NpuBridgeError('DTYPE_MISMATCH', `inputs.${name}.datatype is "${String(datatype)}"`, {
      suggestions: [`one of ${DATATYPES.join(', ')}`],
    })
  }

  if (CONSTRUCTORS[index] !== (CONSTRUCTORS[INDEX.get(natural)!] as unknown)) {
    throw new NpuBridgeError(
      'DTYPE_MISMATCH',
      `inputs.${name} is ${datatype} but its data is a ${(tensor.data as {constructor: {name: string}}).constructor.name}`,
      {suggestions: [`${datatype} travels in a ${CONSTRUCTORS[index]!.name}`]},
    )
  }

  return index
}

/** Outputs of at most this many bytes are copied out of the slab, so that keeping one does not keep all of them. */
const COPIED = 64

/** The tensor of a type and shape whose bytes are in `buffer`. */
export function viewTensor(
  index: number,
  shape: number[],
  source: Uint8Array,
  offset: number,
  byteLength: number,
): OutputTensor {
  const start = source.byteOffset + offset
  const view = new CONSTRUCTORS[index]!(source.buffer, start, byteLength / SIZES[index]!)
  return {data: byteLength <= COPIED ? view.slice() : view, shape, datatype: NATIVE_ORDER[index]!}
}

/** The bytes of a typed array, in place. */
export function bytesOf(data: TensorData): Uint8Array {
  return data instanceof Uint8Array ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
