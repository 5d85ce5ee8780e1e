/** Looks at a pool, once or until somebody has seen enough. */
import {setTimeout as sleep} from 'node:timers/promises'

export interface WatchOptions<T> {
  readonly read: () => Promise<T>
  readonly show: (value: T) => void
  /** How long between two looks, in milliseconds; undefined for one look. */
  readonly intervalMs: number | undefined
  readonly signal: AbortSignal
}

/** Gives what was seen last. */
export async function look<T>({intervalMs, read, show, signal}: WatchOptions<T>): Promise<T> {
  for (;;) {
    const value = await read()
    show(value)
    if (intervalMs === undefined) return value
    await sleep(intervalMs, undefined, {signal}).catch(() => undefined)
    if (signal.aborted) return value
  }
}
