/** Puts operations into their lanes: those of one turn of the event loop that go together in one job, and all at once. */
import type {JobsOptions} from 'bullmq'

import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'

import type {ClusterOptions} from '../options.ts'
import type {Pending} from './pending.ts'

import {type Bundle, bundleOf} from '../job/job.ts'
import {bundleName, jobOptions, type LaneQueues} from '../lane/queues.ts'
import {companies, type Companion} from './companies.ts'

export interface Submission extends Companion {
  readonly pending: Pending
  /** Whether anybody still waits for it. */
  readonly isWanted: () => boolean
  readonly onError: (error: Error) => void
}

export interface SubmitterParts {
  readonly queues: LaneQueues
  readonly options: Pick<ClusterOptions, 'attempts'>
  /** How many operations of a lane may be in one job now. */
  readonly mostTogether: (lane: string) => number
}

interface Sent {
  readonly submissions: readonly Submission[]
  readonly add: {readonly data: Bundle; readonly name: string; readonly opts: JobsOptions}
}

/** A transaction of more would keep others waiting for it. */
const MOST_AT_ONCE = 500
/** How long after a lost connection it is tried again. */
const PAUSE_MS = 50

export class Submitter {
  readonly #parts: SubmitterParts
  readonly #waiting = new Map<string, Submission[]>()

  constructor(parts: SubmitterParts) {
    this.#parts = parts
  }

  add(submission: Submission): void {
    const {lane} = submission.pending
    const waiting = this.#waiting.get(lane)
    if (waiting) {
      waiting.push(submission)
      return
    }

    this.#waiting.set(lane, [submission])
    if (this.#waiting.size === 1) {
      setImmediate(() => {
        this.#flush()
      })
    }
  }

  #flush(): void {
    const lanes = [...this.#waiting]
    this.#waiting.clear()
    for (const [lane, submissions] of lanes) {
      const wanted = submissions.filter(({isWanted}) => isWanted())
      // With one beginning at most, nobody could be tried again alone.
      const isAlone = this.#parts.options.attempts === 1 || wanted.length < 2
      const groups = companies(wanted, isAlone ? 1 : this.#parts.mostTogether(lane))
      const sent = groups.map((group) => this.#sentAs(group))
      for (let at = 0; at < sent.length; at += MOST_AT_ONCE) this.#send(lane, sent.slice(at, at + MOST_AT_ONCE))
    }
  }

  #sentAs(submissions: readonly Submission[]): Sent {
    const [first] = submissions
    const {job, jobId} = first!.pending
    const data = bundleOf(submissions.map(({pending}) => pending.job))
    const id = submissions.length === 1 ? jobId : randomUUID()
    if (submissions.length > 1) {
      const company = {wanted: new Set(data.jobs.map((each) => each.id))}
      for (const {pending} of submissions) {
        pending.jobId = id
        pending.company = company
      }
    }

    const opts = jobOptions(job, {id, priority: job.priority}, this.#parts.options)
    return {add: {data, name: bundleName(data), opts}, submissions}
  }

  #send(lane: string, sent: readonly Sent[]): void {
    this.#parts.queues
      .get(lane)
      .addBulk(sent.map(({add}) => add))
      .catch(async (error: unknown) => {
        if (isConnectionError(error)) return this.#sendAgain(lane, sent)
        for (const {submissions} of sent) for (const {onError} of submissions) onError(error as Error)
      })
  }

  /**
   * Whether Redis took them before the connection went is not known. The second time does no harm: a job that is there
   * is not added again. Whoever has waited too long says so elsewhere.
   */
  async #sendAgain(lane: string, sent: readonly Sent[]): Promise<void> {
    await sleep(PAUSE_MS)
    const wanted = sent.filter(({submissions}) => submissions.some(({isWanted}) => isWanted()))
    if (wanted.length > 0) this.#send(lane, wanted)
  }
}

/** How ioredis tells that a connection went while it waited for an answer. */
function isConnectionError(error: unknown): boolean {
  const {code, message} = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || /connection (?:is closed|close)|LOADING/i.test(message)
}
