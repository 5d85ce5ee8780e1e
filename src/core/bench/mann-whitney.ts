/** Rank tests: whether two sets of samples differ, without assuming how they are distributed. */
import {errorFunction} from 'simple-statistics'

export interface RankTest {
  /** How likely a difference at least as large would be by chance alone, to either side. */
  readonly p: number
  /**
   * Cliff's delta: how much more often a sample of the first set is larger than one of the second than the other way
   * round, from -1 to 1.
   */
  readonly effect: number
  /** The smallest p that so many samples can give. */
  readonly least: number
}

/** Up to so many samples on both sides together the exact distribution is used, if no two samples are equal. */
const EXACT_UP_TO = 50

/**
 * The Mann–Whitney U test (H. B. Mann, D. R. Whitney, 1947), two-sided.
 *
 * @returns null when one set is empty
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): RankTest | null {
  const [m, n] = [first.length, second.length]
  if (m === 0 || n === 0) return null
  const {ranks, ties} = ranked([...first, ...second])
  const rankSum = ranks.slice(0, m).reduce((sum, rank) => sum + rank, 0)
  const u = rankSum - (m * (m + 1)) / 2
  const effect = (2 * u) / (m * n) - 1
  if (ties.length > 0 || m + n > EXACT_UP_TO) {
    return {effect, p: normalP(u - (m * n) / 2, varianceOf(m, n, ties)), least: exactP(0, m, n)}
  }

  return {effect, p: exactP(u, m, n), least: exactP(0, m, n)}
}

/** Twice the probability of a U as far from its mean, counted over all orders in which the samples can stand. */
function exactP(u: number, m: number, n: number): number {
  const ways = orders(m, n)
  const all = ways.reduce((sum, count) => sum + count, 0)
  const tail = ways.slice(0, Math.min(u, m * n - u) + 1).reduce((sum, count) => sum + count, 0)
  return Math.min(1, (2 * tail) / all)
}

/** In how many orders of `m` and `n` samples U has each value: the coefficients of a Gaussian binomial. */
function orders(m: number, n: number): number[] {
  const counts = Array.from({length: m * n + 1}, (_, u): number => (u === 0 ? 1 : 0))
  for (let i = 1; i <= m; i++) {
    for (let u = counts.length - 1; u >= n + i; u--) counts[u]! -= counts[u - n - i]!
    for (let u = i; u < counts.length; u++) counts[u]! += counts[u - i]!
  }

  return counts
}

/** With the correction for ties. */
function varianceOf(m: number, n: number, ties: readonly number[]): number {
  const all = m + n
  const tied = ties.reduce((sum, count) => sum + count ** 3 - count, 0)
  return ((m * n) / 12) * (all + 1 - tied / (all * (all - 1)))
}

/** Two-sided, with the correction for continuity. */
function normalP(distance: number, variance: number): number {
  if (variance === 0) return 1
  const z = Math.max(0, Math.abs(distance) - 0.5) / Math.sqrt(variance)
  return Math.min(1, 1 - errorFunction(z / Math.SQRT2))
}

/** Ranks from 1, equal values sharing the mean of theirs, and how many values are equal each time. */
function ranked(values: readonly number[]): {ranks: number[]; ties: number[]} {
  const order = values.map((_, index) => index).toSorted((a, b) => values[a]! - values[b]!)
  const ranks: number[] = Array.from({length: values.length})
  const ties: number[] = []
  for (let start = 0; start < order.length;) {
    let end = start + 1
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++
    for (let index = start; index < end; index++) ranks[order[index]!] = (start + 1 + end) / 2
    if (end - start > 1) ties.push(end - start)
    start = end
  }

  return {ranks, ties}
}

/**
 * The Wilcoxon signed-rank test of pairs (F. Wilcoxon, 1945), two-sided: whether `differences` lie around zero.
 *
 * @returns null when there are none but zeros
 */
export function signedRank(differences: readonly number[]): RankTest | null {
  const present = differences.filter((difference) => difference !== 0)
  const n = present.length
  if (n === 0) return null
  const {ranks, ties} = ranked(present.map((difference) => Math.abs(difference)))
  const all = (n * (n + 1)) / 2
  const w = ranks.reduce((sum, rank, index) => sum + (present[index]! > 0 ? rank : 0), 0)
  const effect = (2 * w) / all - 1
  const least = Math.min(1, 2 ** (1 - n))
  if (ties.length === 0 && n <= EXACT_UP_TO) return {effect, p: exactSignedP(w, n), least}
  const tied = ties.reduce((sum, count) => sum + count ** 3 - count, 0)
  return {effect, p: normalP(w - all / 2, (n * (n + 1) * (2 * n + 1)) / 24 - tied / 48), least}
}

/** Counted over all ways in which the ranks can have signs. */
function exactSignedP(w: number, n: number): number {
  const all = (n * (n + 1)) / 2
  const counts = Array.from({length: all + 1}, (_, sum): number => (sum === 0 ? 1 : 0))
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = all; sum >= rank; sum--) counts[sum]! += counts[sum - rank]!
  }

  const tail = counts.slice(0, Math.min(w, all - w) + 1).reduce((sum, count) => sum + count, 0)
  return Math.min(1, (2 * tail) / 2 ** n)
}
