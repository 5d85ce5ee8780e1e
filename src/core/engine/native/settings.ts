/** How settings are written for Rust: `delay_us` where JavaScript has `delayUs`. */

/** `delay_us` for `delayUs`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Settings whose keys are names of the user's own. */
const KEYED_BY_NAMES = new Set(['models', 'shapes'])

/** `value` with the names of all settings in snake case. */
export function inSnakeCase(value: unknown, isKeyedByNames = false): unknown {
  if (Array.isArray(value)) return value.map((each) => inSnakeCase(each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      isKeyedByNames ? key : snakeCase(key),
      inSnakeCase(inner, !isKeyedByNames && KEYED_BY_NAMES.has(key)),
    ]),
  )
}
