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

/** Does `count` pieces of work, `window` at a time: when one is done, the next one begins. */
export async function inWindow(
  window: number,
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const runner = async () => {
    while (next < count) await work(next++)
  }

  await Promise.all(Array.from({length: Math.min(window, count)}, runner))
}

/** Things per second, of as many as were done in `times` of microseconds. */
export function perSecond(count: number, times: readonly number[]): number {
  return (count * 1e6) / times.reduce((sum, time) => sum + time, 0)
}
