/** The BullMQ workers of one process: one for each lane that it reads. */
import type {Job as BullJob, Worker} from 'bullmq'

import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {RedisLink} from '../redis/link.ts'

import {isUrgent} from '../lane/lane.ts'

export interface ConsumersOptions {
  readonly link: RedisLink
  readonly keys: PoolKeys
  readonly options: Pick<ClusterOptions, 'attempts' | 'recoverMs'>
  /** Jobs of one lane at once. */
  readonly capacity: number
  readonly process: (job: BullJob) => Promise<unknown>
  /** Called for a job that was given up because its workers died. */
  readonly onAbandoned: (job: BullJob) => void
  /** What went wrong between BullMQ and Redis; it tries again by itself. */
  readonly onProblem: (error: Error) => void
}

/** What is left of the places of usual lanes while urgent ones have much to do. */
const YIELDED_SHARE = 1 / 8
/** What BullMQ calls it when a job was begun too often. */
const GIVEN_UP = 'allowable limit'
/** After a restart of Redis, what was done is told it again after this. */
const RETRY_MS = 250
/** How long a fetch waits for a job before it looks again whether to go on, in seconds. */
const DRAIN_SECONDS = 2

export class Consumers {
  readonly #options: ConsumersOptions
  readonly #workers = new Map<string, Worker>()
  #isPaused = false
  #urgentRunning = 0

  constructor(options: ConsumersOptions) {
    this.#options = options
  }

  open(lane: string): void {
    if (this.#workers.has(lane)) return
    const {capacity, keys, link, onAbandoned, onProblem, options, process} = this.#options
    const work = isUrgent(lane) ? async (job: BullJob) => this.#processUrgent(job) : process
    const worker = new link.driver.bullmq.Worker(lane, work, {
      connection: link.forQueues,
      prefix: keys.queues,
      concurrency: capacity,
      autorun: !this.#isPaused,
      // A lock is renewed at half its time. One that is not is noticed at the next check, and its job moved at the one
      // after, so all of it takes less than recoverMs.
      lockDuration: Math.ceil(options.recoverMs / 2),
      stalledInterval: Math.ceil(options.recoverMs / 5),
      maxStalledCount: options.attempts - 1,
      drainDelay: DRAIN_SECONDS,
      runRetryDelay: RETRY_MS,
    })
    worker.on('error', onProblem)
    worker.on('failed', (job, error) => {
      if (job && error.message.includes(GIVEN_UP)) onAbandoned(job)
    })
    this.#workers.set(lane, worker)
  }

  /** Usual lanes take less while there is much that is urgent; one that waits is served before those to come. */
  async #processUrgent(job: BullJob): Promise<unknown> {
    this.#urgentRunning++
    this.#balance()
    try {
      return await this.#options.process(job)
    } finally {
      this.#urgentRunning--
      this.#balance()
    }
  }

  #balance(): void {
    const {capacity} = this.#options
    const isBusy = this.#urgentRunning * 2 >= capacity
    const places = isBusy ? Math.max(1, Math.floor(capacity * YIELDED_SHARE)) : capacity
    for (const [lane, worker] of this.#workers) {
      if (!isUrgent(lane) && worker.concurrency !== places) worker.concurrency = places
    }
  }

  async close(lane: string): Promise<void> {
    const worker = this.#workers.get(lane)
    this.#workers.delete(lane)
    await worker?.close()
  }

  /** Takes no more jobs; resolves when those that were begun are done. */
  async pause(): Promise<void> {
    this.#isPaused = true
    await Promise.all([...this.#workers.values()].map(async (worker) => worker.pause()))
  }

  async resume(): Promise<void> {
    this.#isPaused = false
    await Promise.all([...this.#workers.values()].map(async (worker) => worker.resume()))
  }

  /** @param force does not wait for what was begun: others will take it when its locks are over */
  async closeAll(force: boolean): Promise<void> {
    await Promise.all([...this.#workers.values()].map(async (worker) => worker.close(force)))
    this.#workers.clear()
  }
}
