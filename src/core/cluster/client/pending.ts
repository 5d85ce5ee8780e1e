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

export interface Pending {
  readonly job: Job
  /** The job's id in BullMQ; several with one idempotency key have the same. */
  readonly jobId: string
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
  /** Answers that came for operations that had been settled before. */
  duplicates = 0

  get size(): number {
    return this.#pending.size
  }

  /** How many are on each node's lane. */
  get byNode(): ReadonlyMap<string, number> {
    return this.#byNode
  }

  add(pending: Pending): void {
    this.#pending.set(pending.job.id, pending)
    this.#count(pending, 1)
  }

  get(id: string): Pending | undefined {
    return this.#pending.get(id)
  }

  /** Takes one out, for whoever settles it; undefined where somebody has. */
  take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    if (!pending) return undefined
    this.#pending.delete(id)
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
    for (const {reject} of all) reject(error)
  }

  #count({node}: Pending, change: number): void {
    if (node === null) return
    const count = (this.#byNode.get(node) ?? 0) + change
    if (count > 0) this.#byNode.set(node, count)
    else this.#byNode.delete(node)
  }
}
