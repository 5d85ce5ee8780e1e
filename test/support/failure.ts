import {AssertionError} from 'chai'

import {NpuBridgeError} from '../../src/core/errors.ts'

/** The error that `work` rejects with; anything but a failure of ours fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<NpuBridgeError> {
  let value: unknown
  try {
    value = await work
  } catch (error) {
    if (error instanceof NpuBridgeError) return error
    throw error
  }

  throw new AssertionError(`expected a failure, got ${JSON.stringify(value)}`)
}

/** The error that `work` throws at once. */
export function thrownBy(work: () => unknown): NpuBridgeError {
  try {
    work()
  } catch (error) {
    if (error instanceof NpuBridgeError) return error
    throw error
  }

  throw new AssertionError('expected a failure')
}
