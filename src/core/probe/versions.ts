/** The numbers of a dotted version at the start of `text`: "6.11.0-19-generic" is [6, 11, 0]. */
function numbers(text: string): number[] {
  return (/^\D*(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? '').split('.').map(Number)
}

/** Whether version `found` is `least` or newer; missing parts count as 0. */
export function isAtLeast(found: string, least: string): boolean {
  const left = numbers(found)
  const right = numbers(least)
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference > 0
  }

  return true
}
