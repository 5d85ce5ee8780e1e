/** Latencies of a while, in buckets of which none is wider than 1.6 % of its value. Knows neither Node nor a browser. */

/** Buckets between one power of two and the next. */
const STEPS = 64
const STEP_BITS = 6
const LONGEST_US = 2 ** 31 - 1
const BUCKETS = (32 - STEP_BITS) * STEPS

/** What is told of a group of latencies, in microseconds; null where there was none. */
export interface LatencyFigures {
  readonly count: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #count = 0

  get count(): number {
    return this.#count
  }

  record(us: number): void {
    const index = bucketOf(us)
    this.#counts[index] = this.#counts[index]! + 1
    this.#count++
  }

  add(other: LatencyHistogram): void {
    if (other.#count === 0) return
    for (let index = 0; index < BUCKETS; index++) this.#counts[index] = this.#counts[index]! + other.#counts[index]!
    this.#count += other.#count
  }

  clear(): void {
    if (this.#count === 0) return
    this.#counts.fill(0)
    this.#count = 0
  }

  /** The middle of the bucket in which a share of all lies, in microseconds; null where there are none. */
  quantile(share: number): number | null {
    if (this.#count === 0) return null
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index]!
      if (left <= 0) return middleOf(index)
    }

    return null
  }

  get figures(): LatencyFigures {
    return {count: this.#count, p50: this.quantile(0.5), p95: this.quantile(0.95), p99: this.quantile(0.99)}
  }
}

function bucketOf(us: number): number {
  const whole = us >= 0 ? Math.min(LONGEST_US, Math.floor(us)) : 0
  if (whole < STEPS) return whole
  const exponent = 31 - Math.clz32(whole)
  return (exponent - STEP_BITS + 1) * STEPS + ((whole >>> (exponent - STEP_BITS)) & (STEPS - 1))
}

function middleOf(index: number): number {
  if (index < STEPS) return index + 0.5
  const exponent = Math.floor(index / STEPS) + STEP_BITS - 1
  const width = 2 ** (exponent - STEP_BITS)
  return 2 ** exponent + (index % STEPS) * width + width / 2
}
