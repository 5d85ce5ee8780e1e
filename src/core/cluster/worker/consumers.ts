/** The BullMQ workers of one process: one for each lane that it reads. */
import type {Job as BullJob, Worker} from 'bullmq'

import {setTimeout as sleep} from 'node:timers/promises'

import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {RedisLink} from '../redis/link.ts'

import {operationsIn} from '../job/job.ts'
import {isUrgent} from '../lane/lane.ts'
import {within} from '../within.ts'

export interface ConsumersOptions {
  readonly link: RedisLink
  readonly keys: PoolKeys
  readonly options: Pick<ClusterOptions, 'attempts' | 'recoverMs'>
  /** Operations of one lane at once: a further job is taken while there are fewer. */
  readonly capacity: number
  readonly process: (job: BullJob) => Promise<unknown>
  /** Called for a job that was given up because its workers died. */
  readonly onAbandoned: (job: BullJob) => void
  /** What went wrong between BullMQ and Redis; it tries again by itself. */
  readonly onProblem: (error: Error) => void
}

/** What is left of the places of usual lanes while urgent ones have much to do. */
const YIELDED_SHARE = 1 / 8
/** Urgent work is at hand when some began or ended so lately: what follows it is on its way from Redis. */
const AT_HAND_MS = 5
/** While it is, usual jobs that were taken wait for it, but for one in so long; so their lanes never stand still. */
const MAKE_WAY_MS = 50
/** What BullMQ calls it when a job was begun too often. */
const GIVEN_UP = 'allowable limit'
/** After a restart of Redis, what was done is told it again after this. */
const RETRY_MS = 250
/** How long a fetch waits for a job before it looks again whether to go on, in seconds. */
const DRAIN_SECONDS = 2
/** How long Redis may take to answer to a close. */
const CLOSE_MS = 1000

interface Lane {
  readonly worker: Worker
  jobs: number
  operations: number
}

export class Consumers {
  readonly #options: ConsumersOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #running = new Set<Promise<unknown>>()
  #isPaused = false
  #drained: Promise<unknown> | undefined
  #urgentRunning = 0
  #urgentAt = -Infinity
  /** When the next usual job goes on beside urgent ones. */
  #nextUsualAt = -Infinity

  constructor(options: ConsumersOptions) {
    this.#options = options
  }

  open(name: string): void {
    if (this.#lanes.has(name)) return
    const {keys, link, onAbandoned, onProblem, options} = this.#options
    const worker = new link.driver.bullmq.Worker(name, async (job: BullJob) => this.#process(lane, name, job), {
      connection: link.forQueues,
      prefix: keys.queues,
      concurrency: 1,
      autorun: !this.#isPaused,
      // A lock is renewed at half its time. One that is not is noticed at the next check, and its job moved at the one
      // after, so all of it takes less than recoverMs.
      lockDuration: Math.ceil(options.recoverMs / 2),
      stalledInterval: Math.ceil(options.recoverMs / 5),
      maxStalledCount: options.attempts - 1,
      drainDelay: DRAIN_SECONDS,
      runRetryDelay: RETRY_MS,
    })
    const lane: Lane = {worker, jobs: 0, operations: 0}
    worker.on('error', onProblem)
    worker.on('failed', (job, error) => {
      if (job && error.message.includes(GIVEN_UP)) onAbandoned(job)
    })
    this.#lanes.set(name, lane)
  }

  async #process(lane: Lane, name: string, job: BullJob): Promise<unknown> {
    const operations = operationsIn(job.data)
    this.#count(lane, name, {jobs: 1, operations})
    const work = this.#begin(name, job)
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
      this.#count(lane, name, {jobs: -1, operations: -operations})
    }
  }

  async #begin(name: string, job: BullJob): Promise<unknown> {
    if (!isUrgent(name)) await this.#makeWay()
    return this.#options.process(job)
  }

  async #makeWay(): Promise<void> {
    const now = performance.now()
    const isAtHand = () => performance.now() - this.#urgentAt < AT_HAND_MS
    if (!isAtHand()) return
    const end = Math.max(now, this.#nextUsualAt) + MAKE_WAY_MS
    this.#nextUsualAt = end
    while (isAtHand() && performance.now() < end) await sleep(AT_HAND_MS)
    if (!isAtHand()) this.#nextUsualAt = -Infinity
  }

  /** Usual lanes take less while there is much that is urgent; one that waits is served before those to come. */
  #count(lane: Lane, name: string, {jobs, operations}: {readonly jobs: number; readonly operations: number}): void {
    lane.jobs += jobs
    lane.operations += operations
    if (!isUrgent(name)) {
      this.#makePlaces(lane, name)
      return
    }

    this.#urgentAt = performance.now()
    this.#urgentRunning += operations
    for (const [each, other] of this.#lanes) this.#makePlaces(other, each)
  }

  /**
   * BullMQ begins what it has fetched only when it has looked for as many jobs as it may have. So it may have one more
   * than it has, and the look comes when the work has been begun.
   */
  #makePlaces({jobs, operations, worker}: Lane, name: string): void {
    const {capacity} = this.#options
    const yields = !isUrgent(name) && this.#urgentRunning * 2 >= capacity
    const places = yields ? Math.max(1, Math.floor(capacity * YIELDED_SHARE)) : capacity
    worker.concurrency = Math.max(1, operations < places ? jobs + 1 : jobs)
  }

  async close(lane: string): Promise<void> {
    const worker = this.#lanes.get(lane)?.worker
    this.#lanes.delete(lane)
    await worker?.close()
  }

  /** Takes no more jobs; resolves when those that were begun are done. */
  async pause(): Promise<void> {
    this.#isPaused = true
    this.#drained ??= Promise.all([...this.#lanes.values()].map(async ({worker}) => worker.pause()))
    await this.#drained
  }

  async resume(): Promise<void> {
    this.#isPaused = false
    this.#drained = undefined
    await Promise.all([...this.#lanes.values()].map(async ({worker}) => worker.resume()))
  }

  /**
   * Ends all of it. By pausing first, and not by BullMQ's own patient close, which cannot be hastened any more when
   * Redis is away: it would wait for Redis, and renew locks meanwhile, for ever.
   *
   * @param drainMs how long what was begun may take; after that others take it, when its locks are over
   */
  async closeAll(drainMs: number): Promise<void> {
    const workers = [...this.#lanes.values()].map(({worker}) => worker)
    // A pause waits for Redis too; while that is away only what runs here can come to an end.
    const drained = this.#options.link.isThere ? this.pause() : Promise.allSettled(this.#running)
    await within(drained, drainMs)
    this.#lanes.clear()
    await within(Promise.all(workers.map(async (worker) => worker.close(true))), CLOSE_MS)
  }
}
