/**
 * Reads what a server sends without trusting its shape: an older server lacks fields, a newer one has others. What is
 * missing or is something else is null or empty, never an error. Knows neither Node nor a browser.
 */

export type Unknown = Readonly<Record<string, unknown>>

export function record(value: unknown): Unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Unknown) : {}
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

export function boolean(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

/** No text of a server is shown at any length. */
const LONGEST_TEXT = 2000

export function text(value: unknown, most = LONGEST_TEXT): string | null {
  return typeof value === 'string' ? shorten(value, most) : null
}

/** The beginning of a text that is too long, and how long it is. */
export function shorten(value: string, most = LONGEST_TEXT): string {
  if (value.length <= most) return value
  return `${value.slice(0, most).toWellFormed()}… (${value.length.toLocaleString('en')} characters)`
}

/** The entries of an object whose values are numbers. */
export function numbers(value: unknown): ReadonlyArray<readonly [name: string, value: number]> {
  return Object.entries(record(value)).flatMap(([name, each]) => {
    const found = number(each)
    return found === null ? [] : [[name, found] as const]
  })
}
