/** What travels over the pipe to the old module, and back. */
import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Operation, OutputTensor, Tensor, TensorData} from './engine.ts'

export type Numbers = Exclude<TensorData, BigInt64Array | BigUint64Array>

export function isNumbers(data: unknown): data is Numbers {
  return ArrayBuffer.isView(data) && !(data instanceof DataView) && !isBig(data)
}

function isBig(data: unknown): boolean {
  return data instanceof BigInt64Array || data instanceof BigUint64Array
}

/** `values` in an array of the type of `model`. */
export function arrayLike(model: Numbers, values: readonly number[]): Numbers {
  const Same = model.constructor as new (values: readonly number[]) => Numbers
  return new Same(values)
}

export interface EncodedMatrix {
  readonly data: string
  readonly shape: readonly number[]
}

/** What the process needs of `operation`, with matrices as base64. */
export function encode(operation: Operation): Readonly<Record<string, unknown>> {
  switch (operation.type) {
    case 'echo': {
      return {data: isNumbers(operation.data) ? [...operation.data] : operation.data}
    }

    case 'route': {
      const {agents, description} = operation
      return {description, agents: typeof agents === 'string' ? path.resolve(agents) : undefined}
    }

    case 'matrix_multiply': {
      return {a: encodeMatrix(operation.inputs.a), b: encodeMatrix(operation.inputs.b)}
    }

    case 'benchmark': {
      return {kind: operation.kind, duration_ms: operation.durationMs}
    }

    case 'workflow': {
      return {tasks: operation.tasks, max_parallel: operation.maxParallel}
    }

    default: {
      return {}
    }
  }
}

function encodeMatrix({data, shape}: Tensor): EncodedMatrix {
  return {data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'), shape}
}

export function decodeMatrix({data, shape}: EncodedMatrix): OutputTensor {
  const bytes = Buffer.from(data, 'base64')
  const numbers = new Float32Array(bytes.length / Float32Array.BYTES_PER_ELEMENT)
  bytes.copy(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
  return {data: numbers, shape, datatype: 'FP32'}
}
