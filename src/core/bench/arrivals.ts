/** When operations come that nobody waits for: an open loop, as opposed to callers that take turns. */
import type {Random} from './random.ts'

/** `constant`: evenly spaced; `poisson`: independent of each other, as those of many users are. */
export const ARRIVALS = ['poisson', 'constant'] as const
export type Arrivals = (typeof ARRIVALS)[number]

const US_PER_MS = 1000
const US_PER_S = 1e6

/**
 * The instants of a load of `rate` operations per second on average, in microseconds from its beginning; at least one.
 */
export function arrivalTimesUs(
  {arrivals, durationMs, rate}: {arrivals: Arrivals; durationMs: number; rate: number},
  random: Random,
): number[] {
  const meanUs = US_PER_S / rate
  // The gaps of a Poisson process are exponentially distributed.
  const gap = arrivals === 'constant' ? () => meanUs : () => -Math.log(1 - random()) * meanUs
  const times = [0]
  for (let at = gap(); at < durationMs * US_PER_MS; at += gap()) times.push(at)
  return times
}
