/**
 * Work that begins when it is due, whether or not earlier work is done. It is timed from the instant at which it was due
 * and not from when somebody got round to it, so that waiting is not hidden (coordinated omission, as Gil Tene named
 * it).
 */
import {setImmediate} from 'node:timers/promises'

export interface OpenLoop {
  /** From when each was due to its answer, in the order of the answers; without those that failed. */
  readonly latenciesUs: readonly number[]
  readonly failed: number
}

export interface OpenLoopClock {
  /** Milliseconds. */
  readonly now: () => number
  /** Lets answers come in. */
  readonly pause: () => Promise<unknown>
}

const CLOCK: OpenLoopClock = {now: () => performance.now(), pause: async () => setImmediate()}
const US_PER_MS = 1000
/** So many are begun without looking for answers when the work is behind its schedule. */
const AT_A_STRETCH = 32

/** Begins `work` at each of `arrivalsUs` from now, and waits for all of it. A failure is counted, not thrown. */
export async function openLoop(
  arrivalsUs: readonly number[],
  work: (index: number) => Promise<unknown>,
  {now, pause}: OpenLoopClock = CLOCK,
): Promise<OpenLoop> {
  const started = now()
  const latenciesUs: number[] = []
  let failed = 0
  const begin = async (index: number, dueUs: number) => {
    try {
      await work(index)
      latenciesUs.push((now() - started) * US_PER_MS - dueUs)
    } catch {
      failed++
    }
  }

  const begun: Array<Promise<void>> = []
  for (const [index, dueUs] of arrivalsUs.entries()) {
    while ((now() - started) * US_PER_MS < dueUs) await pause()
    begun.push(begin(index, dueUs))
    if (index % AT_A_STRETCH === 0) await pause()
  }

  await Promise.all(begun)
  return {latenciesUs, failed}
}
