/** Puts jobs into their lanes, those of one turn of the event loop together. */
import type {JobsOptions} from 'bullmq'

import {setTimeout as sleep} from 'node:timers/promises'

import type {LaneQueues} from '../lane/queues.ts'

export interface Submission {
  readonly name: string
  readonly data: object
  readonly opts: JobsOptions
  /** Whether anybody still waits for it. */
  readonly isWanted: () => boolean
  readonly onError: (error: Error) => void
}

/** A transaction of more would keep others waiting for it. */
const MOST_AT_ONCE = 500
/** How long after a lost connection it is tried again. */
const PAUSE_MS = 50

export class Submitter {
  readonly #queues: LaneQueues
  readonly #waiting = new Map<string, Submission[]>()

  constructor(queues: LaneQueues) {
    this.#queues = queues
  }

  add(lane: string, submission: Submission): void {
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
      for (let at = 0; at < submissions.length; at += MOST_AT_ONCE)
        this.#send(lane, submissions.slice(at, at + MOST_AT_ONCE))
    }
  }

  #send(lane: string, submissions: readonly Submission[]): void {
    this.#queues
      .get(lane)
      .addBulk(submissions.map(({data, name, opts}) => ({data, name, opts})))
      .catch(async (error: unknown) => {
        if (isConnectionError(error)) return this.#sendAgain(lane, submissions)
        for (const {onError} of submissions) onError(error as Error)
      })
  }

  /**
   * Whether Redis took them before the connection went is not known. The second time does no harm: a job that is there
   * is not added again. Whoever has waited too long says so elsewhere.
   */
  async #sendAgain(lane: string, submissions: readonly Submission[]): Promise<void> {
    await sleep(PAUSE_MS)
    const wanted = submissions.filter(({isWanted}) => isWanted())
    if (wanted.length > 0) this.#send(lane, wanted)
  }
}

/** How ioredis tells that a connection went while it waited for an answer. */
function isConnectionError(error: unknown): boolean {
  const {code, message} = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || /connection (?:is closed|close)|LOADING/i.test(message)
}
