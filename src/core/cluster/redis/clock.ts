/**
 * The clock that a pool goes by: Redis's. Hosts measure how far their own is from it, so that a deadline means the same
 * instant everywhere, however wrong the clock of a host is.
 */
import type {Redis} from 'ioredis'

const US_PER_MS = 1000

export class PoolClock {
  readonly #monotonic: () => number
  /** Milliseconds between the monotonic clock of this process and Redis's. */
  #offsetMs = 0
  #uncertaintyMs = Infinity

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
  }

  /** Milliseconds since 1970 on Redis's clock, as well as it is known. */
  now(): number {
    return this.#monotonic() + this.#offsetMs
  }

  /** Half of the round trip of the measurement that counts, in milliseconds. */
  get uncertaintyMs(): number {
    return this.#uncertaintyMs
  }

  /** How far this host's own clock is from the pool's, in milliseconds. */
  get skewMs(): number {
    return Date.now() - this.now()
  }

  async synchronize(redis: Pick<Redis, 'time'>): Promise<void> {
    const before = this.#monotonic()
    const [seconds, microseconds] = await redis.time()
    const after = this.#monotonic()
    const serverMs = Number(seconds) * 1000 + Number(microseconds) / US_PER_MS
    this.#offsetMs = serverMs - (before + after) / 2
    this.#uncertaintyMs = (after - before) / 2
  }
}
