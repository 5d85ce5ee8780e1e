/** What a permutation test has in common with others. */

const PERMUTATIONS = 10_000

/**
 * How likely it is that chance alone comes to as much.
 *
 * @param found what came of what was measured
 * @param permute what comes of the same figures with one another's labels, by chance, each time it is called
 */
export function chanceOf(found: number, permute: () => number): number {
  // What comes of the same numbers in another order may differ in its last digits.
  const asMuch = found - Math.abs(found) * 1e-9
  // What was found is one of the ways to label the figures, too.
  let asMany = 1
  for (let permutation = 0; permutation < PERMUTATIONS; permutation++) if (permute() >= asMuch) asMany++
  return asMany / (PERMUTATIONS + 1)
}
