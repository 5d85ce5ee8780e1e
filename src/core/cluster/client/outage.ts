/** Bears that Redis, or every worker, is away for a time; then those who wait are told. */
import {NpuBridgeError} from '../../errors.ts'

export interface OutageParts {
  readonly unreachableMs: number
  /** As the Redis server may be shown. */
  readonly shown: string
  readonly onOutage: (error: NpuBridgeError) => void
}

export class Outage {
  readonly #parts: OutageParts
  #timer: NodeJS.Timeout | undefined
  #problem: NpuBridgeError | undefined

  constructor(parts: OutageParts) {
    this.#parts = parts
  }

  /** Why nothing can be submitted now; undefined where it can. */
  get problem(): NpuBridgeError | undefined {
    return this.#problem
  }

  redisChanged(isThere: boolean): void {
    clearTimeout(this.#timer)
    this.#problem = undefined
    if (isThere) return
    const {onOutage, shown, unreachableMs} = this.#parts
    this.#timer = setTimeout(() => {
      this.#problem = new NpuBridgeError(
        'PROTOCOL_ERROR',
        `the Redis server at ${shown} has been away for ${unreachableMs} ms`,
        {suggestions: ['redis-cli -u URL ping', 'cluster.unreachable_ms says how long that is borne']},
      )
      onOutage(this.#problem)
    }, unreachableMs)
  }

  /** @param emptySince since when no node takes work, in milliseconds of `now`'s clock */
  nodesChanged(emptySince: number | undefined, now: number): void {
    const {onOutage, shown, unreachableMs} = this.#parts
    if (emptySince !== undefined && now - emptySince >= unreachableMs) onOutage(noWorkers(shown))
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

export function noWorkers(shown: string): NpuBridgeError {
  return new NpuBridgeError('DEVICE_UNAVAILABLE', `no worker takes operations from the pool at ${shown}`, {
    suggestions: [
      `npubridge worker --queue ${shown}    on each host that is to work`,
      'npubridge cluster nodes    shows those that are there',
    ],
  })
}
