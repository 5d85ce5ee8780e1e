import {distance} from 'fastest-levenshtein'

/** Case, hyphens and underscores are what people mix up most: `timeoutMs` is as good as `timeout_ms`. */
function canonical(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
}

/** The name of `known` that `name` was probably meant to be, or undefined where none is close. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  // What nobody mistypes is not worth comparing, and its length would be the price.
  if (name.length > 100) return undefined
  const wanted = canonical(name)
  let best: string | undefined
  // Two letters swapped are two edits.
  let bestDistance = Math.max(Math.min(2, wanted.length - 1), Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const found = distance(wanted, canonical(candidate))
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }

  return best
}

/** Suggestions for a name that is not one of `known`: the nearest, if any, then all of them. */
export function nameSuggestions(name: string, known: readonly string[], what: string): string[] {
  const nearest = nearestName(name, known)
  const all = known.length === 0 ? `there are no ${what}` : `${what}: ${known.join(', ')}`
  return nearest === undefined ? [all] : [`did you mean "${nearest}"?`, all]
}
