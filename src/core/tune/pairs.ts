/** Whether one setting is ahead of another, from turns that were taken in pairs. */
import {median, sum} from 'simple-statistics'

import {type Random, seededRandom} from '../bench/random.ts'

/**
 * The chance at which a setting that is no better may come out so far ahead. To take one that is as good does no harm, so
 * it is larger than where a finding is to be believed.
 */
const CHANCE = 0.1
const PERMUTATIONS = 10_000

/**
 * By how far apart the turns of a pair were, but none counts for more than the pair in the middle does: on a machine that
 * does other things as well some turns take twice as long, and a few of these would outweigh all others.
 *
 * @param ratios how many times better it did, for each pair
 */
export function isAhead(ratios: readonly number[]): boolean {
  const leads = ratios.map((ratio) => Math.log(ratio))
  const most = leads.length === 0 ? 0 : median(leads.map((lead) => Math.abs(lead)))
  const bounded = leads.map((lead) => Math.max(-most, Math.min(most, lead)))
  return sum(bounded) > 0 && chanceOf(bounded, seededRandom(ratios.length)) <= CHANCE
}

/** How often leads that could as well have been the other's add up to as much (a permutation test). */
function chanceOf(leads: readonly number[], random: Random): number {
  // What is added in another order may differ in its last digits.
  const asMuch = sum([...leads]) * (1 - 1e-9)
  let found = 1
  for (let permutation = 0; permutation < PERMUTATIONS; permutation++) {
    let total = 0
    for (const lead of leads) total += random() < 0.5 ? lead : -lead
    if (total >= asMuch) found++
  }

  return found / (PERMUTATIONS + 1)
}
