/** Whether one setting is ahead of another, from turns that were taken in pairs. */
import {median, sum} from 'simple-statistics'

import {chanceOf} from '../bench/permutations.ts'
import {seededRandom} from '../bench/random.ts'

/**
 * The chance at which a setting that is no better may come out so far ahead. To take one that is as good does no harm, so
 * it is larger than where a finding is to be believed.
 */
const CHANCE = 0.1

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
  const random = seededRandom(ratios.length)
  // Without a difference, either setting could as well have had the lead of a pair.
  const exchanged = () => bounded.reduce((total, lead) => total + (random() < 0.5 ? lead : -lead), 0)
  return sum(bounded) > 0 && chanceOf(sum(bounded), exchanged) <= CHANCE
}
