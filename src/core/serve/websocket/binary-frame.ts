/**
 * Frames that carry tensors as bytes: the length of the JSON in four bytes, little-endian, the JSON, and the bytes of
 * the tensors that it describes, in their order. Where a line has `data`, such a tensor has `byte_length`.
 */
import {Buffer} from 'node:buffer'

import type {OperationResult, Tensor, TensorMap} from '../../engine/engine.ts'

import {exactText} from '../../engine/native/exact-json.ts'
import {bytesOf} from '../../engine/native/tensors.ts'
import {datatypeOf} from '../../engine/validate.ts'
import {NpuBridgeError} from '../../errors.ts'
import {type OperationId} from '../../run/envelope.ts'
import {showValue} from '../../run/fields.ts'
import {countElements, tensorOf, wireDatatype} from '../service/tensor.ts'

const LENGTH_BYTES = 4

/** The parts of a frame. */
export class BinaryFrame {
  readonly json: Buffer
  readonly #bytes: Buffer
  readonly #mostElements: number
  #at = 0

  /** @throws {NpuBridgeError} PROTOCOL_ERROR for a frame that is shorter than it says */
  constructor(frame: Buffer, mostElements: number) {
    const jsonLength = frame.length >= LENGTH_BYTES ? frame.readUInt32LE(0) : Infinity
    if (LENGTH_BYTES + jsonLength > frame.length) {
      throw new NpuBridgeError('PROTOCOL_ERROR', `the frame has ${frame.length} bytes, less than its JSON needs`, {
        suggestions: ['four bytes with the length of the JSON, the JSON, then the bytes of the tensors'],
      })
    }

    this.json = frame.subarray(LENGTH_BYTES, LENGTH_BYTES + jsonLength)
    this.#bytes = frame.subarray(LENGTH_BYTES + jsonLength)
    this.#mostElements = mostElements
  }

  /** Reading starts with the first tensor; the JSON may have to be read twice. */
  rewind(): void {
    this.#at = 0
  }

  /** Bytes that no tensor has taken. */
  get rest(): number {
    return this.#bytes.length - this.#at
  }

  /** The next tensor, as `value` describes it; undefined for one that the JSON carries itself. */
  readonly read = (value: object, place: string): Tensor | undefined => {
    const {byte_length: length, datatype: named = 'FP32', shape} = value as Readonly<Record<string, unknown>>
    if (length === undefined) return undefined
    if (!Number.isSafeInteger(length) || (length as number) < 0 || (length as number) > this.rest) {
      throw new NpuBridgeError(
        'PROTOCOL_ERROR',
        `${place}.byte_length is ${showValue(length)}, but the frame has ${this.rest} bytes left`,
      )
    }

    const datatype = wireDatatype(named, `${place}.datatype`)
    if (datatype === 'BYTES') {
      throw new NpuBridgeError('DTYPE_MISMATCH', `${place} is BYTES, which no OpenVINO model computes with`)
    }

    const count = countElements(shape, `${place}.shape`, this.#mostElements)
    const layout = {datatype, shape: shape as readonly number[], count}
    const tensor = tensorOf(place, layout, this.#bytes, this.#at, length as number)
    this.#at += length as number
    return {...tensor, datatype}
  }
}

/** A result as a frame. */
export function encodeResult(id: OperationId, result: OperationResult): Buffer {
  const {computeUs, data, device, engine, fallback, queueUs, totalUs} = result
  const outputs = result.outputs && describeTensors(result.outputs)
  return encodeFrame(
    {
      id: typeof id === 'bigint' ? String(id) : id,
      ok: true,
      ...(outputs && {outputs: outputs.described}),
      ...(data !== undefined && {data}),
      device,
      engine,
      fallback,
      queue_us: Math.round(queueUs),
      compute_us: Math.round(computeUs),
      total_us: Math.round(totalUs),
    },
    outputs?.bytes ?? [],
  )
}

/** Tensors as the JSON of a frame has them, and the bytes that follow it, in the same order. */
export function describeTensors(tensors: TensorMap): {bytes: Uint8Array[]; described: object} {
  const entries = Object.entries(tensors)
  const bytes = entries.map(([, {data}]) => bytesOf(data))
  const described = entries.map(([name, tensor], index) => [
    name,
    {shape: tensor.shape, datatype: datatypeOf(tensor), byte_length: bytes[index]!.length},
  ])
  return {bytes, described: Object.fromEntries(described) as object}
}

/** A frame of JSON and what follows it. */
export function encodeFrame(value: object, tensors: readonly Uint8Array[]): Buffer {
  const json = Buffer.from(exactText(value))
  const head = Buffer.alloc(LENGTH_BYTES)
  head.writeUInt32LE(json.length)
  return Buffer.concat([head, json, ...tensors])
}
