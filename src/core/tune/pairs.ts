/** Whether one setting is ahead of another, from turns that were taken in pairs. */
import {signedRank} from '../bench/mann-whitney.ts'

/** The chance at which a setting that is no better may come out so far ahead. */
const CHANCE = 0.05

/**
 * By ranks, so that a pair counts by how far apart its turns were, and one that was disturbed does not decide.
 *
 * @param ratios how many times better it did, for each pair
 */
export function isAhead(ratios: readonly number[]): boolean {
  const test = signedRank(ratios.map((ratio) => Math.log(ratio)))
  return test !== null && test.effect > 0 && test.p / 2 <= CHANCE
}
