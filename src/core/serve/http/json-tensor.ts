/** Tensors as JSON: numbers flat or nested, booleans, and strings for BYTES. 16-bit floats are numbers here, too. */
import {Buffer} from 'node:buffer'

import type {ByteWriter} from '../../run/byte-writer.ts'

import {NpuBridgeError} from '../../errors.ts'
import {shapeText} from '../../run/datatypes.ts'
import {showValue} from '../../run/fields.ts'
import {appendNumbers} from '../../run/result-json.ts'
import {decodeInlineTensor} from '../../run/tensor.ts'
import {fromBfloat, fromHalf, toBfloat, toHalf} from '../service/half.ts'
import {decodeByteElements, encodeByteElements, type WireDatatype, type WireTensor} from '../service/tensor.ts'

const MOST_DIMENSIONS = 64

const HALVES = {
  FP16: {from: fromHalf, to: toHalf},
  BF16: {from: fromBfloat, to: toBfloat},
} as const

/**
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a value that the datatype does not take, SHAPE_MISMATCH where data and
 *   shape do not agree
 */
export function decodeJsonTensor(
  {data, datatype, shape, count}: {data: unknown; datatype: WireDatatype; shape: readonly number[]; count: number},
  place: string,
  exact: boolean,
): WireTensor {
  if (data === undefined) throw new NpuBridgeError('INVALID_ARGUMENT', `${place}.data is missing`)
  if (datatype === 'BYTES') return {datatype, shape, data: decodeStrings(data, shape, count, place)}
  const options = {exact, nonFinite: 'error'} as const
  if (datatype !== 'FP16' && datatype !== 'BF16') {
    return decodeInlineTensor({data, datatype, shape}, place, options) as WireTensor
  }

  const numbers = decodeInlineTensor({data, datatype: 'FP32', shape}, place, options).data as Float32Array
  const {to} = HALVES[datatype]
  return {datatype, shape, data: Uint16Array.from(numbers, to)}
}

function decodeStrings(data: unknown, shape: readonly number[], count: number, place: string): Uint8Array {
  const elements: unknown[] = Array.isArray(data) ? (data.flat(MOST_DIMENSIONS) as unknown[]) : [data]
  if (elements.length !== count) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `${place}.data has ${elements.length} elements but the shape ${shapeText(shape)} takes ${count}`,
    )
  }

  return encodeByteElements(
    elements.map((element, index) => {
      if (typeof element === 'string') return Buffer.from(element)
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `${place}.data[${index}] is ${showValue(element)}, BYTES are strings`,
      )
    }),
  )
}

/**
 * Appends the elements of a tensor, flat, between brackets.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming tensor and index of a value that JSON cannot say
 */
export function appendJsonData(writer: ByteWriter, name: string, tensor: WireTensor): void {
  writer.ascii('[')
  switch (tensor.datatype) {
    case 'BYTES': {
      writer.text(stringsOf(name, tensor.data as Uint8Array).join(','))
      break
    }

    case 'BOOL': {
      writer.ascii(Array.from(tensor.data as Uint8Array, (element) => (element === 0 ? 'false' : 'true')).join(','))
      break
    }

    case 'FP16':
    case 'BF16': {
      const numbers = Float32Array.from(tensor.data as Uint16Array, HALVES[tensor.datatype].from)
      appendFinite(writer, name, {...tensor, datatype: 'FP32', data: numbers})
      break
    }

    default: {
      appendFinite(writer, name, tensor)
    }
  }

  writer.ascii(']')
}

function appendFinite(writer: ByteWriter, name: string, tensor: WireTensor): void {
  try {
    appendNumbers(writer, {data: tensor.data, shape: tensor.shape}, name, 'error')
  } catch (error) {
    if (!(error instanceof NpuBridgeError)) throw error
    throw new NpuBridgeError(error.code, error.message, {
      suggestions: ['ask for the output as bytes: {"name": …, "parameters": {"binary_data": true}}'],
    })
  }
}

const DECODER = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

function stringsOf(name: string, data: Uint8Array): string[] {
  return decodeByteElements(data).map((element, index) => {
    try {
      return JSON.stringify(DECODER.decode(element))
    } catch (error) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `outputs.${name}.data[${index}] is not UTF-8, which JSON needs`, {
        cause: error,
        suggestions: ['ask for the output as bytes: {"name": …, "parameters": {"binary_data": true}}'],
      })
    }
  })
}
