/** Times asynchronous work of this process with tinybench. */
import {Bench} from 'tinybench'

const US_PER_MS = 1000

/**
 * Repeats `work` one after the other for at least `durationMs`, and at least once.
 *
 * @returns how long each repetition took, in microseconds
 */
export async function timesUs(work: () => Promise<unknown>, durationMs: number): Promise<number[]> {
  const bench = new Bench({iterations: 1, retainSamples: true, throws: true, time: durationMs, warmup: false})
  bench.add('work', work, {async: true})
  const [task] = await bench.run()
  const {result} = task!
  if (result.state !== 'completed') throw new Error(`tinybench ended as ${result.state}`)
  return result.latency.samples!.map((milliseconds) => milliseconds * US_PER_MS)
}

/**
 * Does `count` pieces of work, `window` at a time: when one is done, the next one begins. `onDone` is called after each.
 */
export async function inWindow(
  window: number,
  count: number,
  work: (index: number) => Promise<unknown>,
  onDone?: () => void,
): Promise<void> {
  let next = 0
  const runner = async () => {
    while (next < count) {
      await work(next++)
      onDone?.()
    }
  }

  await Promise.all(Array.from({length: Math.min(window, count)}, runner))
}

/** Does `count` pieces of work, `window` at a time, or as many as begin within `atMostMs`. */
export async function warmUp(
  window: number,
  {atMostMs, count}: {readonly atMostMs: number; readonly count: number},
  work: () => Promise<unknown>,
): Promise<void> {
  const end = performance.now() + atMostMs
  await inWindow(window, count, async () => (performance.now() < end ? work() : undefined))
}

export interface InFlight {
  /** From the beginning of each piece to its end, in microseconds. */
  readonly latenciesUs: readonly number[]
  /** Pieces per second. */
  readonly perSecond: number
}

/**
 * Keeps `window` pieces of work in flight for at least `durationMs` and `least` pieces. The rate is that until fewer were
 * in flight: what the last ones take, with nothing beside them, is no part of it, unless there was nothing else.
 */
export async function keepInFlight(
  window: number,
  {durationMs, least = window, now = () => performance.now()}: KeepOptions,
  work: () => Promise<unknown>,
): Promise<InFlight> {
  const latenciesUs: number[] = []
  const start = now()
  let [begun, counted, last] = [0, 0, start]
  const isOver = (time: number) => begun >= least && time >= start + durationMs
  const runner = async () => {
    let time = now()
    do {
      const began = time
      begun++
      await work()
      time = now()
      latenciesUs.push((time - began) * US_PER_MS)
      if (!isOver(time) || counted < window) [counted, last] = [counted + 1, time]
    } while (!isOver(time))
  }

  await Promise.all(Array.from({length: window}, runner))
  return {latenciesUs, perSecond: perSecond(counted, [(last - start) * US_PER_MS])}
}

interface KeepOptions {
  readonly durationMs: number
  /** @default window */
  readonly least?: number
  /** Milliseconds of a clock. */
  readonly now?: () => number
}

/** Things per second, of as many as were done in `times` of microseconds. */
export function perSecond(count: number, times: readonly number[]): number {
  return (count * 1e6) / times.reduce((sum, time) => sum + time, 0)
}

/**
 * How fast work went over short stretches of it. What else a machine does comes and goes within milliseconds, so the
 * best stretches are far less disturbed than any mean of a longer time.
 */
export class Stretches {
  readonly #length: number
  readonly #rates: number[] = []
  #done = 0
  #since = 0

  /** @param length pieces of work in each of them */
  constructor(length: number) {
    this.#length = length
  }

  /** Pieces of work per second, for each stretch that is over. */
  get rates(): readonly number[] {
    return this.#rates
  }

  begin(): void {
    this.#done = 0
    this.#since = performance.now()
  }

  /** Another piece is done. */
  readonly add = (): void => {
    if (++this.#done % this.#length > 0) return
    const now = performance.now()
    this.#rates.push(perSecond(this.#length, [(now - this.#since) * US_PER_MS]))
    this.#since = now
  }
}
