/** Looks after operations that have been under way for a while: is their job still there, or did somebody lose it? */
import type {Redis} from 'ioredis'

import type {LaneQueues} from '../lane/queues.ts'
import type {Pending, PendingOperations} from './pending.ts'

import {NpuBridgeError} from '../../errors.ts'

export interface LossWatchParts {
  readonly pending: PendingOperations
  readonly queues: LaneQueues
  readonly redis: Redis
  readonly onLost: (pending: Pending, error: NpuBridgeError) => void
}

/** Younger ones are looked at later. */
const OLD_MS = 1000
/** How long an answer may be on its way after its job is gone. */
const GRACE_MS = 1500
const MOST_AT_ONCE = 2000

export class LossWatch {
  readonly #parts: LossWatchParts

  constructor(parts: LossWatchParts) {
    this.#parts = parts
  }

  async look(now: number = performance.now()): Promise<void> {
    const {pending, queues, redis} = this.#parts
    const old: Pending[] = []
    for (const each of pending.before(now - OLD_MS)) {
      old.push(each)
      if (old.length === MOST_AT_ONCE) break
    }

    if (old.length === 0) return
    // Those of one company have one job.
    const keys = old.map(({jobId, lane}) => queues.jobKey(lane, jobId))
    const jobs = [...new Set(keys)]
    const pipeline = redis.pipeline()
    for (const key of jobs) pipeline.hmget(key, 'timestamp', 'finishedOn', 'failedReason')
    const answers = (await pipeline.exec()) ?? []
    const found = new Map(jobs.map((key, index) => [key, answers[index]]))
    for (const [index, each] of old.entries()) {
      const [error, fields] = found.get(keys[index]!) ?? []
      if (!error) this.#judge(each, (fields ?? []) as Array<null | string>, now)
    }
  }

  #judge(pending: Pending, [timestamp, finishedOn, failedReason]: Array<null | string>, now: number): void {
    const isThere = timestamp !== null && timestamp !== undefined
    const isFailed = isThere && finishedOn !== null && failedReason !== null
    if (isThere && !isFailed) {
      pending.missedAt = undefined
      return
    }

    pending.missedAt ??= now
    if (now - pending.missedAt < GRACE_MS || this.#parts.pending.get(pending.job.id) === undefined) return
    this.#parts.onLost(pending, isFailed ? failed(failedReason!) : lost())
  }
}

function failed(reason: string): NpuBridgeError {
  return new NpuBridgeError('INTERNAL', `the job failed: ${reason}`, {
    suggestions: ['npubridge cluster failed    shows it'],
  })
}

function lost(): NpuBridgeError {
  return new NpuBridgeError('INTERNAL', 'Redis has lost the operation: its job is gone, and no answer came', {
    suggestions: [
      'redis-server --appendonly yes    keeps jobs over a restart',
      'submit it again; with an idempotency key that is done by itself',
    ],
  })
}
