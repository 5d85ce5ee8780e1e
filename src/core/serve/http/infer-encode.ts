/** Writes the answer to an inference: JSON, and behind it the bytes of the outputs that were asked for as bytes. */
import {Buffer} from 'node:buffer'

import type {Fallback, OperationResult, TensorData} from '../../engine/engine.ts'
import type {InferResponse} from '../service/inference.ts'
import type {AnswerForm} from './infer-decode.ts'

import {bytesOf} from '../../engine/native/tensors.ts'
import {releaseArray} from '../../engine/release.ts'
import {ByteWriter} from '../../run/byte-writer.ts'
import {appendJsonData} from './json-tensor.ts'

/** Bytes, or text of one byte a character: what is small leaves Node as text in half the time. */
export type Part = string | Uint8Array

export interface EncodedAnswer {
  /** The body in parts that are sent one after the other, none of them copied. */
  readonly parts: readonly Part[]
  readonly byteLength: number
  /** Bytes of the JSON; undefined where it is all there is. */
  readonly jsonLength: number | undefined
  /** To be called when the parts have been sent; undefined where there is nothing to be let go. */
  readonly release: (() => void) | undefined
}

/** Parts up to this many bytes are joined: copying them costs less than another write. */
const JOINED_BYTES = 64 * 1024
/** Node sends text in one piece with the headers before it, bytes in pieces of their own, which takes half as long again. */
const TEXT_BYTES = 4096
const JSON_BYTES = 4096

/**
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming tensor and index of a value that JSON cannot say
 */
export function encodeInferResponse(response: InferResponse, {binary}: AnswerForm): EncodedAnswer {
  const {id, model, outputs, result} = response
  const isBinary = (name: string) => binary === 'all' || (binary !== 'none' && binary.has(name))
  let text = `{"model_name":"${model.name}","model_version":${JSON.stringify(model.version)}`
  if (id !== '') text += `,"id":${JSON.stringify(id)}`
  text += `,"parameters":${parametersText(result)},"outputs":[`
  if (outputs.every(([name]) => isBinary(name))) {
    // Nearly all requests of speed: nothing but text, known as a whole.
    for (let index = 0; index < outputs.length; index++) {
      const [name, tensor] = outputs[index]!
      const {byteLength} = tensor.data
      text += `${index === 0 ? '' : ','}${headText(name, tensor)},"parameters":{"binary_data_size":${byteLength}}}`
    }

    text += ']}'
    const tensors = outputs.map(([, {data}]) => data)
    return asText(text, tensors) ?? joined(Buffer.from(text), tensors.map(bytesOf))
  }

  const bytes: Uint8Array[] = []
  const writer = new ByteWriter(JSON_BYTES)
  writer.text(text)
  for (const [index, [name, tensor]] of outputs.entries()) {
    writer.text(`${index === 0 ? '' : ','}${headText(name, tensor)}`)
    if (isBinary(name)) {
      const data = bytesOf(tensor.data)
      writer.ascii(`,"parameters":{"binary_data_size":${data.length}}}`)
      bytes.push(data)
    } else {
      writer.ascii(',"data":')
      appendJsonData(writer, name, tensor)
      writer.ascii('}')
    }
  }

  writer.ascii(']}')
  const json = writer.take(0)
  return bytes.length === 0 ? alone(json) : joined(json, bytes)
}

function headText(name: string, {datatype, shape}: {datatype: string; shape: readonly number[]}): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`
}

const FALLBACKS = new WeakMap<Fallback, string>()

/** What ran it, and how long that took: parameters of the answer. */
function parametersText({computeUs, device, engine, fallback, queueUs}: OperationResult): string {
  const on = device === null ? '' : `"device":"${device}",`
  return `{${on}"engine":"${engine}",${fallbackText(fallback)}"queue_us":${Math.round(queueUs)},"compute_us":${Math.round(computeUs)}}`
}

/** The protocol's parameters are no objects, so it is one sentence. */
export function fallbackSentence({from, reason, to}: Fallback): string {
  return `${from} to ${to}: ${reason}`
}

function fallbackText(fallback: Fallback | null): string {
  if (fallback === null) return ''
  let text = FALLBACKS.get(fallback)
  if (text === undefined) {
    text = `"fallback":${JSON.stringify(fallbackSentence(fallback))},`
    FALLBACKS.set(fallback, text)
  }

  return text
}

/** The answer as text, where it is small and each character of its JSON is a byte. */
function asText(json: string, tensors: readonly TensorData[]): EncodedAnswer | undefined {
  const jsonLength = json.length
  const byteLength = jsonLength + lengthOf(tensors)
  if (byteLength > TEXT_BYTES || Buffer.byteLength(json) !== jsonLength) return undefined
  let text = json
  for (const data of tensors) text += latin1Of(data)
  return {parts: [text], byteLength, jsonLength, release: undefined}
}

function alone(json: Buffer): EncodedAnswer {
  const part = json.length > TEXT_BYTES ? json : json.toString('latin1')
  return {parts: [part], byteLength: json.length, jsonLength: undefined, release: undefined}
}

const SCRATCH = Buffer.allocUnsafeSlow(TEXT_BYTES)

/**
 * The bytes of at most `TEXT_BYTES` as the text that is encoded as them. They are copied first: V8 keeps a small array in
 * its heap, and to give it memory that others can look into takes ten times as long.
 */
function latin1Of(data: TensorData): string {
  if (data instanceof Uint8Array) SCRATCH.set(data)
  else copyElements(data, data.constructor as typeof Float32Array)
  return SCRATCH.toString('latin1', 0, data.byteLength)
}

function copyElements(data: TensorData, Elements: typeof Float32Array): void {
  new Elements(SCRATCH.buffer, SCRATCH.byteOffset, data.length).set(data as Float32Array)
}

function lengthOf(parts: ReadonlyArray<{readonly byteLength: number}>): number {
  let length = 0
  for (const {byteLength} of parts) length += byteLength
  return length
}

function joined(json: Buffer, bytes: readonly Uint8Array[]): EncodedAnswer {
  const byteLength = json.length + lengthOf(bytes)
  const jsonLength = json.length
  if (byteLength > JOINED_BYTES) {
    return {
      parts: [json, ...bytes],
      byteLength,
      jsonLength,
      release() {
        for (const part of bytes) releaseArray(part)
      },
    }
  }

  const all = Buffer.allocUnsafe(byteLength)
  json.copy(all)
  let at = json.length
  for (const part of bytes) {
    all.set(part, at)
    at += part.length
  }

  return {parts: [all], byteLength, jsonLength, release: undefined}
}
