/** Between BullMQ and the executor: who is told what, and what becomes of the job. */
import type {Job as BullJob} from 'bullmq'

import type {ClusterOptions} from '../options.ts'
import type {Driver} from '../redis/driver.ts'
import type {Reply} from '../reply/reply.ts'
import type {AnswerBook} from './answer-book.ts'
import type {JobExecutor} from './executor.ts'

import {asNpuBridgeError, type ErrorCode, NpuBridgeError} from '../../errors.ts'
import {addressIn, type Job, readJob} from '../job/job.ts'

export interface JobRunnerParts {
  readonly driver: Driver
  readonly executor: Pick<JobExecutor, 'check' | 'run'>
  readonly node: string
  readonly options: Pick<ClusterOptions, 'attempts'>
  readonly answers: AnswerBook
}

/** What may go better on another try, perhaps on another node. */
const WORTH_ANOTHER: ReadonlySet<ErrorCode> = new Set([
  'DEVICE_LOST',
  'DEVICE_UNAVAILABLE',
  'LEGACY_FAILED',
  'QUEUE_FULL',
])
/** What whoever runs the pool should find in the list of failed jobs; other failures are answers like any. */
const WORTH_KEEPING: ReadonlySet<ErrorCode> = new Set([
  ...WORTH_ANOTHER,
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'PROTOCOL_ERROR',
])

export class JobRunner {
  readonly #parts: JobRunnerParts
  readonly #running = new Map<string, AbortController>()
  done = 0
  failed = 0
  recovered = 0

  constructor(parts: JobRunnerParts) {
    this.#parts = parts
  }

  get running(): number {
    return this.#running.size
  }

  /** Gives up the work of a job; one that is not here is none of ours. */
  cancel(id: string): void {
    this.#running.get(id)?.abort(new NpuBridgeError('CANCELLED', 'the caller has given up the operation'))
  }

  /** What BullMQ calls for a job. Resolving completes it; rejecting fails it, for good where the error says so. */
  readonly process = async (bull: BullJob): Promise<null> => {
    const {answers, executor} = this.#parts
    if (bull.attemptsStarted > 1) this.recovered++
    let job: Job | undefined
    let isRefused = true
    try {
      job = readJob(bull.data)
      executor.check(job)
      isRefused = false
      if (job.key === undefined || !(await answers.repeat(job.key))) await this.#run(job, bull)
      this.done++
    } catch (error) {
      await this.#fail(asNpuBridgeError(error), job, bull, isRefused)
    }

    return null
  }

  async #run(job: Job, {attemptsStarted: attempt}: BullJob): Promise<void> {
    const stop = new AbortController()
    this.#running.set(job.id, stop)
    try {
      const {tensors, text} = await this.#parts.executor.run(job, stop.signal)
      await this.#parts.answers.write(job, {id: job.id, node: this.#parts.node, attempt, text, tensors: [...tensors]})
    } finally {
      this.#running.delete(job.id)
    }
  }

  /** @throws what makes BullMQ try the job again, or keep it as failed */
  async #fail(error: NpuBridgeError, job: Job | undefined, bull: BullJob, isRefused: boolean): Promise<void> {
    const {driver, options} = this.#parts
    this.failed++
    const reason = `${error.code}: ${error.message}`
    if (!isRefused && WORTH_ANOTHER.has(error.code) && bull.attemptsMade + 1 < options.attempts) throw new Error(reason)
    await this.#tell(error, job, bull)
    if (isRefused || WORTH_KEEPING.has(error.code)) throw new driver.bullmq.UnrecoverableError(reason)
  }

  async #tell(error: NpuBridgeError, job: Job | undefined, {attemptsStarted: attempt, data}: BullJob): Promise<void> {
    const address = job ?? addressIn(data)
    if (!address) return
    const {code, message, suggestions} = error
    const reply: Reply = {
      id: address.id,
      node: this.#parts.node,
      attempt,
      error: {code, message, suggestions: [...suggestions]},
    }
    await this.#parts.answers.write(address, reply)
  }

  /** A job that BullMQ itself gave up, because one worker after another died of it. */
  async abandoned(bull: BullJob): Promise<void> {
    const {options} = this.#parts
    const message = `the operation was begun ${options.attempts} times, and each time its worker died or lost its hold on it`
    const error = new NpuBridgeError('INTERNAL', message, {
      suggestions: [
        'npubridge cluster failed    shows it',
        `npubridge cluster requeue ${bull.id ?? ''}    tries it again`,
      ],
    })
    await this.#tell(error, undefined, bull)
  }
}
