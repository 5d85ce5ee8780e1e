/** Operations that a caller waits for. */
import type {Operation, OperationResult} from '../../engine/engine.ts'
import type {NpuBridgeError} from '../../errors.ts'
import type {Job} from '../job/job.ts'

/** A result of a pool says which node it is of. */
export interface ClusterResult extends OperationResult {
  readonly node: string
  /** How often it was begun. */
  readonly attempt: number
}

/** Operations that went into one job of BullMQ together. */
export interface Company {
  /** Ids of those that are wanted: neither settled nor given up. */
  readonly wanted: Set<string>
  /** Whether their job was taken away, once that was tried, since none of them is wanted any more. */
  removing?: Promise<boolean>
}

export interface Pending {
  readonly job: Job
  /** The id of the job of BullMQ that it is in; several with one idempotency key have the same. */
  jobId: string
  /** Undefined for one that is alone in its job. */
  company: Company | undefined
  readonly operation: Operation
  /** Where the job is; it may be sent on. */
  lane: string
  /** The node whose lane that is. */
  readonly node: string | null
  readonly submittedAt: number
  /** When the job was last found to be gone or failed, without an answer; it may be on its way. */
  missedAt: number | undefined
  /** How often it was submitted. */
  submissions: number
  readonly resolve: (result: ClusterResult) => void
  readonly reject: (error: NpuBridgeError) => void
}

/** The operations that are under way, the oldest first. Each is settled once; whatever else comes for it is dropped. */
export class PendingOperations {
  readonly #pending = new Map<string, Pending>()
  readonly #byNode = new Map<string, number>()
  readonly #byLane = new Map<string, number>()
  /** Answers that came for operations that had been settled before. */
  duplicates = 0

  get size(): number {
    return this.#pending.size
  }

  /** How many are on each node's lane. */
  get byNode(): ReadonlyMap<string, number> {
    return this.#byNode
  }

  /** How many are in a lane. */
  inLane(lane: string): number {
    return this.#byLane.get(lane) ?? 0
  }

  add(pending: Pending): void {
    this.#pending.set(pending.job.id, pending)
    this.#count(pending, 1)
  }

  /** A worker has put one into another lane, as this job. */
  moved(id: string, lane: string, jobId: string): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    count(this.#byLane, pending.lane, -1)
    count(this.#byLane, lane, 1)
    pending.lane = lane
    if (pending.jobId === jobId) return
    pending.jobId = jobId
    pending.company?.wanted.delete(id)
    pending.company = undefined
  }

  get(id: string): Pending | undefined {
    return this.#pending.get(id)
  }

  /** Takes one out, for whoever settles it; undefined where somebody has. */
  take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    if (!pending) return undefined
    this.#pending.delete(id)
    pending.company?.wanted.delete(id)
    this.#count(pending, -1)
    return pending
  }

  /** Those that have been under way since before `instant`, oldest first. */
  *before(instant: number): Generator<Pending> {
    for (const pending of this.#pending.values()) {
      if (pending.submittedAt > instant) return
      yield pending
    }
  }

  rejectAll(error: NpuBridgeError): void {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    this.#byNode.clear()
    this.#byLane.clear()
    for (const {reject} of all) reject(error)
  }

  #count({lane, node}: Pending, change: number): void {
    count(this.#byLane, lane, change)
    if (node !== null) count(this.#byNode, node, change)
  }
}

function count(counts: Map<string, number>, name: string, change: number): void {
  const number = (counts.get(name) ?? 0) + change
  if (number > 0) counts.set(name, number)
  else counts.delete(name)
}
