/** Takes back operations that nobody has begun. */
import type {LaneQueues} from '../lane/queues.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {RedisLink} from '../redis/link.ts'
import type {Company, Pending} from './pending.ts'

export interface WithdrawalsParts {
  readonly keys: PoolKeys
  readonly link: Pick<RedisLink, 'redis'>
  readonly queues: LaneQueues
}

type Withdrawn = Pick<Pending, 'company' | 'job' | 'jobId' | 'lane'>

interface Waiting extends Withdrawn {
  readonly company: Company
  readonly resolve: (isTaken: Promise<boolean>) => void
}

/** What is withdrawn is noted for as long as its job may wait. */
const NOTED_MS = 3_600_000
/** How BullMQ calls the state of a job that nobody has begun. */
const NOT_BEGUN: ReadonlySet<string> = new Set(['delayed', 'prioritized', 'waiting'])

export class Withdrawals {
  readonly #parts: WithdrawalsParts
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(parts: WithdrawalsParts) {
    this.#parts = parts
  }

  /** Whether nobody will begin it. An operation with an idempotency key is none of ours alone: others may wait for it. */
  async take({company, job, jobId, lane}: Withdrawn): Promise<boolean> {
    if (job.key !== undefined) return true
    if (company === undefined) return this.#remove(lane, jobId)
    company.wanted.delete(job.id)
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(jobId)
      const one = {company, job, jobId, lane, resolve}
      if (waiting) {
        waiting.push(one)
        return
      }

      this.#waiting.set(jobId, [one])
      // Those of one company are often given up together, and then their job can go.
      setImmediate(() => {
        this.#flush(jobId)
      })
    })
  }

  #flush(jobId: string): void {
    const all = this.#waiting.get(jobId) ?? []
    this.#waiting.delete(jobId)
    const isTaken = this.#takeTogether(all)
    for (const {resolve} of all) resolve(isTaken)
  }

  async #takeTogether(all: readonly Waiting[]): Promise<boolean> {
    const {company, jobId, lane} = all[0]!
    if (company.wanted.size === 0) {
      company.removing ??= this.#remove(lane, jobId)
      if (await company.removing) return true
    }

    const {keys, link, queues} = this.#parts
    const key = keys.withdrawn(jobId)
    // A worker looks here after it has become one that can be told, so it learns of it in one way or the other.
    await link.redis.sadd(key, ...all.map(({job}) => job.id))
    await link.redis.pexpire(key, NOTED_MS)
    const state = await queues.get(lane).getJobState(jobId)
    // Meanwhile the last of them may have been given up, and the job with it.
    return NOT_BEGUN.has(state) || (company.removing ?? false)
  }

  async #remove(lane: string, jobId: string): Promise<boolean> {
    return (await this.#parts.queues.get(lane).remove(jobId)) === 1
  }
}
