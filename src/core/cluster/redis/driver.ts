/** BullMQ and its Redis client, loaded when the first pool is opened: whoever uses none of it does not pay for it. */
import type * as BullMq from 'bullmq'
import type {Redis} from 'ioredis'

import {NpuBridgeError} from '../../errors.ts'

export interface Driver {
  readonly bullmq: typeof BullMq
  readonly Redis: typeof Redis
}

/** @throws {NpuBridgeError} UNSUPPORTED_OPERATION where they are not installed */
export async function loadDriver(): Promise<Driver> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')])
    return {bullmq, Redis: ioredis.Redis}
  } catch (error) {
    throw new NpuBridgeError(
      'UNSUPPORTED_OPERATION',
      'bullmq and ioredis, which join several hosts, are not installed',
      {
        cause: error,
        suggestions: ['npm install bullmq@6 ioredis@6'],
      },
    )
  }
}
