/** Inferences in the messages of gRPC. */
import {Buffer} from 'node:buffer'

import type {ServeLimits} from '../options.ts'

import {bytesOf} from '../../engine/native/tensors.ts'
import {NpuBridgeError} from '../../errors.ts'
import {DATATYPE_INFO} from '../../run/datatypes.ts'
import {fallbackSentence} from '../http/infer-encode.ts'
import {type InferRequest, type InferResponse, priorityOf, sequenceOf, timeoutOf} from '../service/inference.ts'
import {
  countElements,
  encodeByteElements,
  tensorOf,
  wireDatatype,
  type WireDatatype,
  type WireTensor,
} from '../service/tensor.ts'

/** The value of a parameter; the loader gives the one field that is set, 64-bit integers as strings. */
export interface InferParameter {
  readonly bool_param?: boolean
  readonly int64_param?: string
  readonly string_param?: string
  readonly double_param?: number
  readonly uint64_param?: string
}

type Parameters = Readonly<Record<string, InferParameter>>

interface Contents {
  readonly bool_contents: readonly boolean[]
  readonly int_contents: readonly number[]
  readonly int64_contents: readonly string[]
  readonly uint_contents: readonly number[]
  readonly uint64_contents: readonly string[]
  readonly fp32_contents: readonly number[]
  readonly fp64_contents: readonly number[]
  readonly bytes_contents: readonly Buffer[]
}

export interface InferMessage {
  readonly model_name: string
  readonly model_version: string
  readonly id: string
  readonly parameters: Parameters
  readonly inputs: ReadonlyArray<{
    readonly name: string
    readonly datatype: string
    readonly shape: readonly string[]
    readonly parameters: Parameters
    readonly contents: Contents | null
  }>
  readonly outputs: ReadonlyArray<{readonly name: string; readonly parameters: Parameters}>
  readonly raw_input_contents: readonly Buffer[]
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT, SHAPE_MISMATCH, PROTOCOL_ERROR naming the place */
export function inferRequestOf(message: InferMessage, limits: Pick<ServeLimits, 'tensorElements'>): InferRequest {
  const {id, inputs, outputs, parameters, raw_input_contents: raw} = message
  if (inputs.length === 0) throw new NpuBridgeError('INVALID_ARGUMENT', 'inputs is empty, a request has one or more')
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw new NpuBridgeError(
      'PROTOCOL_ERROR',
      `raw_input_contents has ${raw.length} entries for ${inputs.length} inputs: it takes one for each, or none`,
    )
  }

  const tensors: Record<string, WireTensor> = {}
  for (const [index, input] of inputs.entries()) {
    const {name} = input
    if (name === '' || name === '__proto__' || Object.hasOwn(tensors, name)) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `inputs[${index}].name is ${JSON.stringify(name)}, names are unlike`)
    }

    if (input.parameters.shared_memory_region) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `inputs.${name}: shared memory is not offered here`)
    }

    tensors[name] = tensorFrom(input, raw[index], `inputs.${name}`, limits.tensorElements)
  }

  const value = (name: string) => valueOf(parameters[name])
  return {
    id,
    inputs: tensors,
    outputs: outputs.length === 0 ? undefined : outputs.map(({name}) => name),
    // The buffer of a message holds the whole of it.
    owned: false,
    priority: priorityOf(value('priority')),
    timeoutUs: timeoutOf(value('timeout')),
    sequence: sequenceOf(value('sequence_id'), value('sequence_start'), value('sequence_end')),
  }
}

/** Integers that a double holds exactly become numbers. */
function valueOf(parameter: InferParameter | undefined): unknown {
  if (parameter === undefined) return undefined
  const {bool_param, double_param, int64_param, string_param, uint64_param} = parameter
  const integer = int64_param ?? uint64_param
  if (integer === undefined) return bool_param ?? string_param ?? double_param
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : BigInt(integer)
}

function tensorFrom(
  {contents, datatype: named, shape: sizes}: InferMessage['inputs'][number],
  raw: Buffer | undefined,
  place: string,
  most: number,
): WireTensor {
  const datatype = wireDatatype(named, `${place}.datatype`)
  const shape = sizes.map(Number)
  const count = countElements(shape, `${place}.shape`, most)
  if (raw) return tensorOf(place, {datatype, shape, count}, raw, 0, raw.length)
  const data = contents === null ? undefined : fromContents(datatype, contents, place)
  if (data === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${place} has no contents for ${datatype}`, {
      suggestions: ['send the bytes in raw_input_contents'],
    })
  }

  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return tensorOf(place, {datatype, shape, count}, bytes, 0, bytes.length)
}

/** The elements of `contents` as an array of the datatype; undefined for types that have no field. */
function fromContents(datatype: WireDatatype, contents: Contents, place: string): WireTensor['data'] | undefined {
  switch (datatype) {
    case 'BOOL': {
      return Uint8Array.from(contents.bool_contents, Number)
    }

    case 'INT8':
    case 'INT16':
    case 'INT32': {
      return narrowed(datatype, contents.int_contents, place)
    }

    case 'UINT8':
    case 'UINT16':
    case 'UINT32': {
      return narrowed(datatype, contents.uint_contents, place)
    }

    case 'INT64': {
      return BigInt64Array.from(contents.int64_contents, BigInt)
    }

    case 'UINT64': {
      return BigUint64Array.from(contents.uint64_contents, BigInt)
    }

    case 'FP32': {
      return Float32Array.from(contents.fp32_contents)
    }

    case 'FP64': {
      return Float64Array.from(contents.fp64_contents)
    }

    case 'BYTES': {
      return encodeByteElements(contents.bytes_contents)
    }

    case 'FP16':
    case 'BF16': {
      return undefined
    }
  }
}

function narrowed(
  datatype: 'INT8' | 'INT16' | 'INT32' | 'UINT8' | 'UINT16' | 'UINT32',
  elements: readonly number[],
  place: string,
): WireTensor['data'] {
  const {allocate, max, min} = DATATYPE_INFO[datatype]
  const data = allocate(elements.length)
  for (const [index, element] of elements.entries()) {
    if (element < min || element > max) {
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `${place}[${index}] is ${element}, but ${datatype} takes ${min}…${max}`,
      )
    }

    data[index] = element
  }

  return data
}

/** The answer as a message, its tensors raw. */
export function inferMessageOf({id, model, outputs, result}: InferResponse): object {
  const {computeUs, device, engine, fallback, queueUs} = result
  return {
    model_name: model.name,
    model_version: model.version,
    id,
    parameters: {
      ...(device !== null && {device: {string_param: device}}),
      engine: {string_param: engine},
      ...(fallback && {fallback: {string_param: fallbackSentence(fallback)}}),
      queue_us: {int64_param: Math.round(queueUs)},
      compute_us: {int64_param: Math.round(computeUs)},
    },
    outputs: outputs.map(([name, {datatype, shape}]) => ({name, datatype, shape})),
    raw_output_contents: outputs.map(([, tensor]) => bytesOf(tensor.data)),
  }
}
