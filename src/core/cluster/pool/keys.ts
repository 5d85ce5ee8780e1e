/** The keys of a pool in Redis, besides those of its queues. */
export class PoolKeys {
  readonly #pool: string

  constructor(pool: string) {
    this.#pool = pool
  }

  /** The prefix that BullMQ puts before the keys of its queues. */
  get queues(): string {
    return `${this.#pool}:queue`
  }

  /** The stream of a caller's answers. */
  reply(caller: string): string {
    return `${this.#pool}:reply:${caller}`
  }

  tensor(id: string): string {
    return `${this.#pool}:tensor:${id}`
  }

  /** Names of all lanes that were ever read. */
  get lanes(): string {
    return `${this.#pool}:lanes`
  }

  /** Names of nodes, by when they were last seen. */
  get nodes(): string {
    return `${this.#pool}:nodes`
  }

  node(name: string): string {
    return `${this.#pool}:node:${name}`
  }

  /** What a node is asked to be: `drain`. */
  wish(name: string): string {
    return `${this.#pool}:wish:${name}`
  }

  /** Who empties the lane of a node that is gone. */
  heir(name: string): string {
    return `${this.#pool}:heir:${name}`
  }

  /** Where callers tell workers what to give up. */
  get control(): string {
    return `${this.#pool}:control`
  }

  /** What callers have given up of a job of several operations. */
  withdrawn(job: string): string {
    return `${this.#pool}:withdrawn:${job}`
  }

  /** The kept answer of an idempotency key. */
  answer(key: string): string {
    return `${this.#pool}:answer:${key}`
  }

  /** Who waits for it, as `CALLER ID`. */
  waiters(key: string): string {
    return `${this.#pool}:waiters:${key}`
  }
}
