import {expect} from 'chai'

import {type ErrorCode, NpuBridgeError} from '../../../src/core/errors.ts'

/** The NpuBridgeError that `action` throws; checks its code and what its message says. */
export function errorOf(action: () => unknown, code: ErrorCode, message: RegExp | string): NpuBridgeError {
  try {
    action()
  } catch (error) {
    return checkError(error, code, message)
  }

  throw new Error('nothing was thrown')
}

export async function rejectionOf(
  promise: Promise<unknown>,
  code: ErrorCode,
  message: RegExp | string,
): Promise<NpuBridgeError> {
  try {
    await promise
  } catch (error) {
    return checkError(error, code, message)
  }

  throw new Error('nothing was rejected')
}

export function checkError(error: unknown, code: ErrorCode, message: RegExp | string): NpuBridgeError {
  if (!(error instanceof NpuBridgeError)) throw error
  expect(error.code).to.equal(code)
  if (typeof message === 'string') expect(error.message).to.equal(message)
  else expect(error.message).to.match(message)
  return error
}
