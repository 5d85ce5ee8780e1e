import type {Buffer} from 'node:buffer'

import type {OperationResult, Tensor} from '../engine/engine.ts'
import type {ByteWriter} from './byte-writer.ts'
import type {OperationId} from './envelope.ts'
import type {NonFinitePolicy} from './tensor.ts'

import {datatypeOf} from '../engine/validate.ts'
import {NpuBridgeError} from '../errors.ts'
/** Results as JSON Lines, written straight to bytes: nearly all of a result is digits. */
import {fieldPath} from './fields.ts'
import {rawJson} from './json.ts'
import {LONGEST_NUMBER, writeBigInt, writeFloat32, writeFloat64, writeInteger} from './number-text.ts'

/** A tensor that was saved instead of written inline. */
export interface SavedTensor {
  readonly file: string
  readonly shape: readonly number[]
  readonly datatype: string
}

export interface Success {
  readonly id: OperationId
  readonly result: OperationResult
  /** What stands for the tensors of `result` where they were saved. */
  readonly saved?: Readonly<Record<string, SavedTensor>> | undefined
}

export interface Failure {
  readonly id: OperationId
  readonly error: NpuBridgeError
  /** The line that it comes from, the first being 1. */
  readonly line: number
}

/**
 * Appends one line.
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming tensor and index of a value that JSON cannot say; nothing is
 *   appended then.
 */
export function appendSuccess(writer: ByteWriter, {id, result, saved}: Success, nonFinite: NonFinitePolicy): void {
  const start = writer.length
  try {
    writer.ascii('{"id":')
    writer.text(idText(id))
    writer.ascii(',"ok":true')
    if (saved) writer.text(`,"outputs":${JSON.stringify(saved)}`)
    else if (result.outputs) appendOutputs(writer, result.outputs, nonFinite)
    if (result.data !== undefined) writer.text(`,"data":${dataText(result.data, nonFinite)}`)
    writer.text(tailText(result))
  } catch (error) {
    writer.length = start
    throw error
  }
}

export function appendFailure(writer: ByteWriter, {error, id, line}: Failure): void {
  writer.text(`{"id":${idText(id)},"ok":false,"error":${JSON.stringify(error)},"line":${line}}\n`)
}

function idText(id: OperationId): string {
  return typeof id === 'bigint' ? String(id) : JSON.stringify(id)
}

function tailText({computeUs, device, engine, fallback, node, queueUs, totalUs}: OperationResult): string {
  const times = `"queue_us":${microseconds(queueUs)},"compute_us":${microseconds(computeUs)},"total_us":${microseconds(totalUs)}`
  const where = node === undefined ? '' : `,"node":${quoted(node)}`
  const how = `"device":${quoted(device)},"engine":${quoted(engine)},"fallback":${fallbackText(fallback)}${where}`
  return `,${how},${times}}\n`
}

function quoted(text: string | null): string {
  return JSON.stringify(text)
}

function fallbackText(fallback: OperationResult['fallback']): string {
  if (!fallback) return 'null'
  const {from, reason, to} = fallback
  return JSON.stringify({from, to, reason})
}

/** Whole microseconds: what is below is noise of the clock. */
function microseconds(value: number): string {
  return String(Math.round(value))
}

function appendOutputs(
  writer: ByteWriter,
  outputs: Readonly<Record<string, Tensor>>,
  nonFinite: NonFinitePolicy,
): void {
  let separator = ',"outputs":{'
  for (const [name, tensor] of Object.entries(outputs)) {
    writer.text(`${separator}${JSON.stringify(name)}:{"data":[`)
    appendNumbers(writer, tensor, name, nonFinite)
    writer.ascii(`],"shape":[${tensor.shape.join(',')}],"datatype":"${datatypeOf(tensor)}"}`)
    separator = ','
  }

  writer.ascii(separator === ',' ? '}' : `${separator}}`)
}

const COMMA = 0x2c
/** Numbers are written in runs of this many, so that room is made for those to come and no more. */
const RUN = 4096

type WriteNumber = (index: number, bytes: Buffer, at: number) => number

/** Appends the elements of a tensor, separated by commas. @throws {NpuBridgeError} as {@link appendSuccess} */
export function appendNumbers(writer: ByteWriter, tensor: Tensor, name: string, nonFinite: NonFinitePolicy): void {
  const write = numberWriter(tensor, name, nonFinite)
  const {length} = tensor.data
  for (let start = 0; start < length; start += RUN) {
    const end = Math.min(length, start + RUN)
    writer.reserve((end - start) * LONGEST_NUMBER)
    const {bytes} = writer
    let at = writer.length
    for (let i = start; i < end; i++) {
      if (i > 0) bytes[at++] = COMMA
      at = write(i, bytes, at)
    }

    writer.length = at
  }
}

function numberWriter({data}: Tensor, name: string, nonFinite: NonFinitePolicy): WriteNumber {
  if (data instanceof Float32Array) return floatWriter(data, writeFloat32, name, nonFinite)
  if (data instanceof Float64Array) return floatWriter(data, writeFloat64, name, nonFinite)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return (index, bytes, at) => writeBigInt(data[index]!, bytes, at)
  }

  return (index, bytes, at) => writeInteger(data[index]!, bytes, at)
}

function floatWriter(
  data: Float32Array | Float64Array,
  write: (value: number, bytes: Buffer, at: number) => number,
  name: string,
  nonFinite: NonFinitePolicy,
): WriteNumber {
  return (index, bytes, at) => {
    const value = data[index]!
    if (Number.isFinite(value)) return write(value, bytes, at)
    if (nonFinite === 'string') return at + bytes.write(`"${value}"`, at, 'latin1')
    throw nonFiniteError(fieldPath(['outputs', name, 'data', index]), value)
  }
}

function nonFiniteError(place: string, value: number): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${place} is ${value}, which JSON cannot say`, {
    suggestions: ['--nonfinite string writes it as a string', '--output-dir DIR writes tensors as .npy files'],
  })
}

/**
 * Data as JSON. The plain way is right except where it says `null` for a number that is none, or refuses a bigint; only
 * then is every value looked at.
 */
function dataText(data: unknown, nonFinite: NonFinitePolicy): string {
  try {
    const text = JSON.stringify(data)
    if (!text.includes('null')) return text
  } catch (error) {
    // A bigint is a TypeError; what is nested too deeply here is so for the other way as well.
    if (!(error instanceof TypeError)) throw unprintable(error)
  }

  return JSON.stringify(data, (key, value: unknown) => {
    if (typeof value === 'bigint') return rawJson(String(value))
    if (typeof value !== 'number' || Number.isFinite(value)) return value
    if (nonFinite === 'string') return String(value)
    throw nonFiniteError(key === '' ? 'data' : `data: "${key}"`, value)
  })
}

function unprintable(cause: unknown): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', 'data is nested too deeply to be written as JSON', {cause})
}
