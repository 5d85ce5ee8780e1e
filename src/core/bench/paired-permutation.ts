/** Whether two sides differ that were measured in pairs, where some of the measurements were disturbed. */
import type {Random} from './random.ts'

import {type RankTest, signedRank} from './mann-whitney.ts'
import {chanceOf} from './permutations.ts'

export interface PairedTest extends RankTest {
  /** How much higher the second side came out, in what is measured. */
  readonly difference: number
}

/**
 * A paired permutation test (R. A. Fisher, 1935), two-sided. What is compared is the mean of the better half of either
 * side: another program next to a core keeps a side slow for as long as a pair takes and longer, and what it then did
 * tells nothing of it. If both did the same, either figure of a pair could as well have been the other's; how often a
 * difference as large comes of exchanging them by chance is the probability.
 *
 * @param pairs what both sides came to, in turn; at least one
 * @param better which figures are better
 */
export function pairedPermutation(
  pairs: ReadonlyArray<readonly [number, number]>,
  better: 'higher' | 'lower',
  random: Random,
): PairedTest {
  const sign = better === 'higher' ? 1 : -1
  const [first, second] = [0, 1].map((side) => Float64Array.from(pairs, (pair) => sign * pair[side]!))
  const difference = higherHalf(second!) - higherHalf(first!)
  const p = chanceOf(Math.abs(difference), () => {
    exchange(first!, second!, random)
    return Math.abs(higherHalf(second!) - higherHalf(first!))
  })
  return {
    difference: sign * difference,
    effect: signedRank(pairs.map(([before, now]) => now - before))?.effect ?? 0,
    p,
    least: 2 ** (1 - pairs.length),
  }
}

/** The mean of the better half of `values`: of what was least disturbed. */
export function betterHalf(values: readonly number[], better: 'higher' | 'lower'): number {
  const sign = better === 'higher' ? 1 : -1
  return sign * higherHalf(Float64Array.from(values, (value) => sign * value))
}

function higherHalf(values: Float64Array): number {
  const half = values.toSorted().subarray(Math.floor(values.length / 2))
  return half.reduce((sum, value) => sum + value, 0) / half.length
}

/** Exchanges the figures of each pair, or leaves them, by chance. */
function exchange(first: Float64Array, second: Float64Array, random: Random): void {
  for (let pair = 0; pair < first.length; pair++) {
    if (random() < 0.5) continue
    const kept = first[pair]!
    first[pair] = second[pair]!
    second[pair] = kept
  }
}
