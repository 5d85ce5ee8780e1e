/** Between BullMQ and the executor: who is told what, and what becomes of the job and of each operation in it. */
import type {Job as BullJob} from 'bullmq'
import type {Redis} from 'ioredis'

import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {Driver} from '../redis/driver.ts'
import type {AnswerBook} from './answer-book.ts'
import type {Dispersal, Leaver} from './dispersal.ts'
import type {JobExecutor} from './executor.ts'

import {asNpuBridgeError, type ErrorCode, NpuBridgeError} from '../../errors.ts'
import {addressesIn, type Bundle, type Job, readBundle} from '../job/job.ts'

export interface JobRunnerParts {
  readonly answers: AnswerBook
  readonly dispersal: Pick<Dispersal, 'send'>
  readonly driver: Driver
  readonly executor: Pick<JobExecutor, 'check' | 'run'>
  readonly keys: Pick<PoolKeys, 'withdrawn'>
  readonly node: string
  readonly options: Pick<ClusterOptions, 'attempts'>
  readonly redis: Pick<Redis, 'smembers'>
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

/** What is to become of an operation that has failed. */
interface Failure {
  readonly verdict: 'again' | 'keep' | 'told'
  readonly reason: string
}

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

  /** Gives up the work of an operation; one that is not here is none of ours. */
  cancel(id: string): void {
    this.#running.get(id)?.abort(new NpuBridgeError('CANCELLED', 'the caller has given up the operation'))
  }

  /** What BullMQ calls for a job. Resolving completes it; rejecting fails it, for good where the error says so. */
  readonly process = async (bull: BullJob): Promise<null> => {
    const bundle = await this.#read(bull)
    if (bundle.failure !== undefined) throw this.#forGood(bundle.failure)
    const attempt = bundle.begun + bull.attemptsStarted
    if (bundle.jobs.length > 1) await this.#together(bundle, bull, attempt)
    else await this.#alone(bundle.jobs[0]!, bull, attempt)
    return null
  }

  async #read({attemptsStarted, data}: BullJob): Promise<Bundle> {
    try {
      return readBundle(data)
    } catch (error) {
      const failure = asNpuBridgeError(error)
      const addresses = addressesIn(data)
      this.failed += Math.max(1, addresses.length)
      await Promise.all(addresses.map(async (address) => this.#tell(failure, address, attemptsStarted)))
      throw this.#forGood(reasonOf(failure))
    }
  }

  async #alone(job: Job, bull: BullJob, attempt: number): Promise<void> {
    if (attempt > 1) this.recovered++
    if (attempt > this.#parts.options.attempts) {
      await this.abandoned(bull)
      throw this.#forGood(this.#diedOf())
    }

    const stop = this.#begin(job)
    const failure = await this.#run(job, stop, attempt)
    if (failure?.verdict === 'again') throw new Error(failure.reason)
    if (failure?.verdict === 'keep') throw this.#forGood(failure.reason)
  }

  /** Operations that were together when their worker died go on alone: one of them may be what it died of. */
  async #together({jobs}: Bundle, {attemptsStarted, id, queueName}: BullJob, attempt: number): Promise<void> {
    const {dispersal, keys, redis} = this.#parts
    if (attemptsStarted > 1) {
      const leavers = jobs.map((job) => ({job}))
      await dispersal.send(queueName, leavers, attempt - 1)
      return
    }

    // Before the look at what was given up: what is given up from here on is told.
    const stops = jobs.map((job) => this.#begin(job))
    const withdrawn = new Set(await redis.smembers(keys.withdrawn(id!)).catch(() => []))
    const failures = await Promise.all(
      jobs.map(async (job, index) => {
        if (withdrawn.has(job.id)) stops[index]!.abort(givenUp(job))
        return this.#run(job, stops[index]!, attempt)
      }),
    )
    await dispersal.send(queueName, leaversAmong(jobs, failures), attempt)
  }

  #begin({id}: Job): AbortController {
    const stop = new AbortController()
    this.#running.set(id, stop)
    return stop
  }

  /** Runs an operation and answers it; what it gives is what that leaves to be done. */
  async #run(job: Job, stop: AbortController, attempt: number): Promise<Failure | undefined> {
    const {answers, executor, node} = this.#parts
    let isRefused = true
    try {
      stop.signal.throwIfAborted()
      executor.check(job)
      isRefused = false
      if (job.key === undefined || !(await answers.repeat(job.key))) {
        const {tensors, text} = await executor.run(job, stop.signal)
        await answers.write(job, {id: job.id, node, attempt, text, tensors: [...tensors]})
      }

      this.done++
      return undefined
    } catch (error) {
      return await this.#failure(asNpuBridgeError(error), job, {attempt, isGivenUp: stop.signal.aborted, isRefused})
    } finally {
      this.#running.delete(job.id)
    }
  }

  async #failure(
    error: NpuBridgeError,
    job: Job,
    {
      attempt,
      isGivenUp,
      isRefused,
    }: {readonly attempt: number; readonly isGivenUp: boolean; readonly isRefused: boolean},
  ): Promise<Failure> {
    this.failed++
    const reason = reasonOf(error)
    if (!isGivenUp && !isRefused && WORTH_ANOTHER.has(error.code) && attempt < this.#parts.options.attempts) {
      return {reason, verdict: 'again'}
    }

    await this.#tell(error, job, attempt)
    const isToKeep = !isGivenUp && (isRefused || WORTH_KEEPING.has(error.code))
    return {reason, verdict: isToKeep ? 'keep' : 'told'}
  }

  async #tell({code, message, suggestions}: NpuBridgeError, address: Pick<Job, 'id' | 'reply'>, attempt: number) {
    const {answers, node} = this.#parts
    await answers.write(address, {
      id: address.id,
      node,
      attempt,
      error: {code, message, suggestions: [...suggestions]},
    })
  }

  /** A job that was given up, because one worker after another died of it. */
  async abandoned({attemptsStarted, data, id}: BullJob): Promise<void> {
    const error = new NpuBridgeError('INTERNAL', this.#diedOf(), {
      suggestions: ['npubridge cluster failed    shows it', `npubridge cluster requeue ${id ?? ''}    tries it again`],
    })
    await Promise.all(addressesIn(data).map(async (address) => this.#tell(error, address, attemptsStarted)))
  }

  #diedOf(): string {
    const {attempts} = this.#parts.options
    return `the operation was begun ${attempts} times, and each time its worker died or lost its hold on it`
  }

  #forGood(reason: string): Error {
    return new this.#parts.driver.bullmq.UnrecoverableError(reason)
  }
}

function leaversAmong(jobs: readonly Job[], failures: ReadonlyArray<Failure | undefined>): Leaver[] {
  return failures.flatMap((failure, index): Leaver[] => {
    const job = jobs[index]!
    if (failure === undefined || failure.verdict === 'told') return []
    return failure.verdict === 'again' ? [{isLater: true, job}] : [{failure: failure.reason, job}]
  })
}

/** Whoever gave it up has settled it, unless its deadline did and the worker was faster. */
function givenUp({deadline}: Job): NpuBridgeError {
  return deadline === null
    ? new NpuBridgeError('CANCELLED', 'the caller gave up the operation before it was begun')
    : new NpuBridgeError('DEADLINE_EXCEEDED', 'the operation was given up before it was begun')
}

function reasonOf({code, message}: NpuBridgeError): string {
  return `${code}: ${message}`
}
