/**
 * Reads the body of an inference request: JSON, or JSON with the tensors' bytes behind it. It is checked by hand, in one
 * pass, because everything else about a request takes less time than a general validator would.
 */
import {Buffer} from 'node:buffer'

import type {Datatype} from '../../engine/engine.ts'
import type {ServeLimits} from '../options.ts'

import {NpuBridgeError} from '../../errors.ts'
import {showValue} from '../../run/fields.ts'
import {parseJson, parseJsonExactly} from '../../run/json.ts'
import {NeedsExactIntegers} from '../../run/tensor.ts'
import {type InferRequest, priorityOf, sequenceOf, timeoutOf} from '../service/inference.ts'
import {Refusal, TOO_LARGE} from '../service/refusal.ts'
import {type ServedModel} from '../service/served-model.ts'
import {countElements, tensorOf, wireDatatype, type WireTensor} from '../service/tensor.ts'
import {decodeJsonTensor} from './json-tensor.ts'

export interface Body {
  readonly bytes: Buffer
  /** Nobody else has a part of the memory that the bytes are in. */
  readonly owned: boolean
}

/** How the answer is to be written. */
export interface AnswerForm {
  /** Names of the outputs whose bytes follow the JSON; `all` or none where the request names no outputs. */
  readonly binary: 'all' | 'none' | ReadonlySet<string>
}

export interface DecodedRequest {
  readonly request: InferRequest
  readonly form: AnswerForm
}

type Limits = Pick<ServeLimits, 'jsonBytes' | 'tensorElements'>
type JsonObject = Readonly<Record<string, unknown>>

const NOTHING: JsonObject = {}

/**
 * @param jsonLength the bytes of the JSON part; undefined where it is the whole body
 * @throws {NpuBridgeError} PROTOCOL_ERROR for what is no JSON or has other lengths than it says, INVALID_ARGUMENT,
 *   SHAPE_MISMATCH naming the place
 */
export function decodeInferRequest(body: Body, jsonLength: number | undefined, limits: Limits): DecodedRequest {
  const length = jsonLength ?? body.bytes.length
  if (length > body.bytes.length) {
    throw new NpuBridgeError(
      'PROTOCOL_ERROR',
      `Inference-Header-Content-Length is ${length}, but the body has ${body.bytes.length} bytes`,
    )
  }

  if (length > limits.jsonBytes) {
    throw new Refusal(
      TOO_LARGE,
      'RESOURCE_EXHAUSTED',
      `the JSON of the request has ${length} bytes, at most ${limits.jsonBytes}`,
      {suggestions: ['send tensors as bytes: the binary tensor data extension']},
    )
  }

  const json = body.bytes.subarray(0, length)
  try {
    const value = length < body.bytes.length ? PARSED.parse(json) : parseJson(json.toString())
    return decode(value, {body, exact: false, limits, at: length})
  } catch (error) {
    if (!(error instanceof NeedsExactIntegers)) throw error
    return decode(parseJsonExactly(json.toString()), {body, exact: true, limits, at: length})
  }
}

/**
 * The JSON in front of bytes is the same from request to request of most clients. Looking it up costs a tenth of parsing
 * it, and to see that it is the one before a quarter of that. What comes out is read and never changed.
 */
class ParsedHeads {
  readonly #values = new Map<string, unknown>()
  #last: {readonly json: Buffer; readonly value: unknown} | undefined

  parse(json: Buffer): unknown {
    if (this.#last?.json.equals(json)) return this.#last.value
    const text = json.toString()
    const known = this.#values.get(text)
    const value = known ?? parseJson(text)
    if (json.length > LONGEST_KEPT_HEAD) return value
    if (known === undefined) this.#keep(text, value)
    this.#last = {json: Buffer.from(json), value}
    return value
  }

  #keep(text: string, value: unknown): void {
    if (this.#values.size >= MOST_KEPT_HEADS) this.#values.clear()
    this.#values.set(text, value)
  }
}

const LONGEST_KEPT_HEAD = 2048
const MOST_KEPT_HEADS = 128
const PARSED = new ParsedHeads()

/** Where reading stands. */
interface Cursor {
  readonly body: Body
  readonly exact: boolean
  readonly limits: Limits
  /** The first byte that no tensor has taken yet. */
  at: number
}

function decode(value: unknown, cursor: Cursor): DecodedRequest {
  const root = objectOf(value, 'the request')
  const parameters = root.parameters === undefined ? NOTHING : objectOf(root.parameters, 'parameters')
  const inputs = readInputs(root.inputs, cursor)
  if (cursor.at !== cursor.body.bytes.length) {
    throw new NpuBridgeError(
      'PROTOCOL_ERROR',
      `${cursor.body.bytes.length - cursor.at} bytes at the end of the body belong to no input`,
    )
  }

  const {names, form} = readOutputs(root.outputs, parameters.binary_data_output)
  const request: InferRequest = {
    id: idOf(root.id),
    inputs: inputs.tensors,
    outputs: names,
    owned: cursor.body.owned && inputs.count === 1,
    priority: priorityOf(parameters.priority),
    timeoutUs: timeoutOf(parameters.timeout),
    sequence: sequenceOf(parameters.sequence_id, parameters.sequence_start, parameters.sequence_end),
  }
  return {request, form}
}

function readInputs(value: unknown, cursor: Cursor): {count: number; tensors: Record<string, WireTensor>} {
  if (!Array.isArray(value) || value.length === 0) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `inputs is ${showValue(value)}, it must be an array of tensors`)
  }

  const tensors: Record<string, WireTensor> = {}
  for (let index = 0; index < value.length; index++) {
    const input = objectOf(value[index], `inputs[${index}]`)
    const name = nameOf(input.name, `inputs[${index}].name`)
    if (Object.hasOwn(tensors, name)) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `inputs[${index}].name is ${showValue(name)} for the second time`)
    }

    tensors[name] = readTensor(input, `inputs.${name}`, cursor)
  }

  return {count: value.length, tensors}
}

function readTensor(input: JsonObject, place: string, cursor: Cursor): WireTensor {
  const datatype = wireDatatype(input.datatype, `${place}.datatype`)
  const count = countElements(input.shape, `${place}.shape`, cursor.limits.tensorElements)
  const shape = input.shape as readonly number[]
  const parameters = input.parameters === undefined ? NOTHING : objectOf(input.parameters, `${place}.parameters`)
  refuseSharedMemory(parameters, place)
  const size = parameters.binary_data_size
  if (size === undefined) {
    return decodeJsonTensor({data: input.data, datatype, shape, count}, place, cursor.exact)
  }

  const start = cursor.at
  const length = sizeOf(size, `${place}.parameters.binary_data_size`)
  if (length > cursor.body.bytes.length - start) {
    throw new NpuBridgeError(
      'PROTOCOL_ERROR',
      `${place} has ${length} bytes by its binary_data_size, but the body has ${cursor.body.bytes.length - start} left`,
    )
  }

  cursor.at = start + length
  return tensorOf(place, {datatype, shape, count}, cursor.body.bytes, start, length)
}

function readOutputs(
  value: unknown,
  binaryByDefault: unknown,
): {form: AnswerForm; names: readonly string[] | undefined} {
  const all = flagOf(binaryByDefault, 'parameters.binary_data_output') ?? false
  if (value === undefined) return {form: {binary: all ? 'all' : 'none'}, names: undefined}
  if (!Array.isArray(value)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `outputs is ${showValue(value)}, it must be an array`)
  }

  if (value.length === 0) return {form: {binary: all ? 'all' : 'none'}, names: undefined}
  const names: string[] = []
  const binary = new Set<string>()
  for (let index = 0; index < value.length; index++) {
    const place = `outputs[${index}]`
    const output = objectOf(value[index], place)
    const name = nameOf(output.name, `${place}.name`)
    const parameters = output.parameters === undefined ? NOTHING : objectOf(output.parameters, `${place}.parameters`)
    refuseSharedMemory(parameters, place)
    if (parameters.classification !== undefined && parameters.classification !== 0) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${place}.parameters.classification is not offered here`)
    }

    if (flagOf(parameters.binary_data, `${place}.parameters.binary_data`) ?? all) binary.add(name)
    names.push(name)
  }

  return {form: {binary}, names}
}

/**
 * A request that is nothing but the bytes of the only input.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT where the model has several inputs, or its shape cannot be told from a length
 */
export function rawInferRequest(body: Body, model: ServedModel, limits: Limits): DecodedRequest {
  const [port, second] = model.inputs
  if (port === undefined || second !== undefined || model.kind !== 'openvino') {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `Inference-Header-Content-Length is 0, but the model ${model.name} has ${model.inputs.length} inputs`,
    )
  }

  const shape = shapeFor(port.shape, port.datatype as Datatype, body.bytes.length, model.name)
  const count = countElements(shape, `inputs.${port.name}.shape`, limits.tensorElements)
  const layout = {datatype: port.datatype, shape, count}
  return {
    form: {binary: 'all'},
    request: {
      id: '',
      inputs: {[port.name]: tensorOf(`inputs.${port.name}`, layout, body.bytes, 0, body.bytes.length)},
      outputs: undefined,
      owned: body.owned,
      priority: 0,
      timeoutUs: undefined,
      sequence: undefined,
    },
  }
}

const BYTES_OF = /\d+$/

/** The shape of a port where one free size follows from how many bytes there are; a second free one is of one item. */
function shapeFor(declared: readonly number[], datatype: Datatype, byteLength: number, model: string): number[] {
  const elementBytes = datatype === 'BOOL' ? 1 : Number(BYTES_OF.exec(datatype)![0]) / 8
  const shape = [...declared]
  const free = shape.flatMap((size, axis) => (size < 0 ? [axis] : []))
  if (free.length === 2 && free[0] === 0) shape[free.shift()!] = 1
  if (free.length > 1) {
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `the shape of the input of ${model}, [${declared.join(',')}], does not follow from a number of bytes`,
    )
  }

  let others = elementBytes

  for (const size of shape) {
    others = size < 0 ? others : others * size
  }

  if (free.length === 1) shape[free[0]!] = Math.floor(byteLength / others)
  return shape
}

function objectOf(value: unknown, place: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(value)}, it must be an object`)
}

function nameOf(value: unknown, place: string): string {
  // Assigning the last to an object would set its prototype.
  if (typeof value === 'string' && value !== '' && value !== '__proto__') return value
  throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(value)}, it must be a name`)
}

const LONGEST_ID = 1024

function idOf(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'string' && value.length <= LONGEST_ID) return value
  throw new NpuBridgeError('INVALID_ARGUMENT', `id is ${showValue(value)}, it must be a short string`)
}

function sizeOf(value: unknown, place: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(value)}, it must be a number of bytes`)
}

function flagOf(value: unknown, place: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${showValue(value)}, it must be true or false`)
}

function refuseSharedMemory(parameters: JsonObject, place: string): void {
  if (parameters.shared_memory_region === undefined) return
  throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${place}: shared memory is not offered here`)
}
