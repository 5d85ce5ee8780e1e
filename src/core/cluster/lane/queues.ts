/** BullMQ's queues of a pool, opened when they are first needed. */
import type {JobsOptions, Queue} from 'bullmq'

import type {Priority} from '../../engine/engine.ts'
import type {Bundle, Job} from '../job/job.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {RedisLink} from '../redis/link.ts'

import {bullmqPriority} from './lane.ts'

const KEEP_FAILED = 10_000
/** How long what may pass is given before the next try. */
export const BACKOFF_MS = 200

export class LaneQueues {
  readonly #link: RedisLink
  readonly #keys: PoolKeys
  readonly #queues = new Map<string, Queue>()

  constructor(link: RedisLink, keys: PoolKeys) {
    this.#link = link
    this.#keys = keys
  }

  get(lane: string): Queue {
    const known = this.#queues.get(lane)
    if (known) return known
    const queue = new this.#link.driver.bullmq.Queue(lane, {
      connection: this.#link.forQueues,
      prefix: this.#keys.queues,
      // Nobody reads BullMQ's own events here: answers have streams of their own.
      streams: {events: {maxLen: 100}},
    })
    queue.on('error', () => {
      // The link says it.
    })
    this.#queues.set(lane, queue)
    return queue
  }

  /** The Redis key of a job. */
  jobKey(lane: string, id: string): string {
    return `${this.#keys.queues}:${lane}:${id}`
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(async (queue) => queue.close()))
    this.#queues.clear()
  }
}

/** What a job is called in BullMQ's own tools. */
export function bundleName({jobs}: Pick<Bundle, 'jobs'>): string {
  const {agent, need} = jobs[0]!
  if (jobs.length > 1) return `${jobs.length} operations`
  return agent === undefined ? (need.model ?? 'operation') : `agent ${agent.name}`
}

export function jobOptions(
  {key}: Pick<Job, 'key'>,
  {id, priority}: {readonly id: string; readonly priority: Priority},
  {attempts}: Pick<ClusterOptions, 'attempts'>,
): JobsOptions {
  return {
    jobId: id,
    // Without one it would run before all others.
    priority: bullmqPriority(priority),
    attempts,
    backoff: {type: 'exponential', delay: BACKOFF_MS},
    removeOnComplete: true,
    // A failed job would stand in the way of the next one with its key.
    removeOnFail: key === undefined ? {count: KEEP_FAILED} : true,
    stackTraceLimit: 1,
  }
}
