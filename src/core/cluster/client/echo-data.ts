/** The data of an echo on its way through a pool: JSON keeps all of it but arrays of numbers of one type. */
import type {EchoOperation, OperationResult} from '../../engine/engine.ts'

import {NpuBridgeError} from '../../errors.ts'

export interface EchoedArray {
  readonly operation: EchoOperation
  /** A result, with its data as an array of the type that was given. */
  readonly restore: <T extends OperationResult>(result: T) => T
}

/** Undefined for data that goes as it is. */
export function echoedArray(operation: EchoOperation): EchoedArray | undefined {
  const {data: given} = operation
  if (!ArrayBuffer.isView(given)) return undefined
  const text = Buffer.from(given.buffer, given.byteOffset, given.byteLength).toString('base64')
  return {
    operation: {...operation, data: text},
    restore: (result) => ({...result, data: arrayLike(given, result.data)}),
  }
}

function arrayLike(given: ArrayBufferView, data: unknown): ArrayBufferView {
  const bytes = typeof data === 'string' ? Uint8Array.from(Buffer.from(data, 'base64')) : new Uint8Array()
  if (bytes.byteLength !== given.byteLength) {
    throw new NpuBridgeError(
      'PROTOCOL_ERROR',
      `an echo of ${given.byteLength} bytes came back with ${bytes.byteLength}`,
    )
  }

  if (Buffer.isBuffer(given)) return Buffer.from(bytes)
  return new (given.constructor as new (buffer: ArrayBuffer) => ArrayBufferView)(bytes.buffer)
}
