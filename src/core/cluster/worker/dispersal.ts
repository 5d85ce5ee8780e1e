/** Gives operations of a job a job of their own each, in the lane where they were together, and tells their callers. */
import type {JobsOptions} from 'bullmq'

import type {ClusterOptions} from '../options.ts'
import type {AnswerBook} from './answer-book.ts'

import {type Bundle, bundleOf, type Job} from '../job/job.ts'
import {BACKOFF_MS, bundleName, jobOptions, type LaneQueues} from '../lane/queues.ts'

export interface DispersalParts {
  readonly answers: AnswerBook
  readonly node: string
  readonly options: Pick<ClusterOptions, 'attempts'>
  readonly queues: LaneQueues
}

/** An operation that is to go on alone. */
export interface Leaver {
  readonly job: Job
  /** It has been given up for this, and belongs into the list of failed jobs. */
  readonly failure?: string
  /** Not at once: what it failed with may pass. */
  readonly isLater?: boolean
}

export class Dispersal {
  readonly #parts: DispersalParts

  constructor(parts: DispersalParts) {
    this.#parts = parts
  }

  /**
   * Once more is no harm: a job that is there is not added again.
   *
   * @param attempt how often they have been begun
   */
  async send(lane: string, leavers: readonly Leaver[], attempt: number): Promise<void> {
    if (leavers.length === 0) return
    const {answers, node, queues} = this.#parts
    await queues.get(lane).addBulk(leavers.map((leaver) => this.#jobOf(leaver, attempt)))
    const waiting = leavers.filter(({failure}) => failure === undefined)
    await Promise.all(
      waiting.map(async ({job: {id, reply}}) => answers.write({id, reply}, {id, node, attempt, lane, job: id})),
    )
  }

  #jobOf({failure, isLater = false, job}: Leaver, begun: number): {data: Bundle; name: string; opts: JobsOptions} {
    const data = bundleOf([job], {begun, ...(failure !== undefined && {failure})})
    const opts = jobOptions(job, {id: job.id, priority: job.priority}, this.#parts.options)
    return {data, name: bundleName(data), opts: isLater ? {...opts, delay: BACKOFF_MS} : opts}
  }
}
