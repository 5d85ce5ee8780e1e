interface Bucket {
  tokens: number
  at: number
}

/** Clients beyond this many are not told apart by time: the one that was seen longest ago is forgotten. */
const MOST_CLIENTS = 8192

/** Lets each client have `perSecond` requests a second, and that many at once after a pause. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: () => number
  readonly #buckets = new Map<string, Bucket>()

  /** @param clock monotonic milliseconds */
  constructor(perSecond: number, clock: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#burst = Math.max(1, perSecond)
    this.#clock = clock
  }

  /** Whether the client may have one more now. */
  take(client: string): boolean {
    const now = this.#clock()
    const bucket = this.#buckets.get(client) ?? {tokens: this.#burst, at: now}
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond)
    bucket.at = now
    this.#buckets.delete(client)
    this.#buckets.set(client, bucket)
    if (this.#buckets.size > MOST_CLIENTS) {
      const [oldest] = this.#buckets.keys()
      this.#buckets.delete(oldest!)
    }

    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }
}
