/** JSON of an echo's data, whose integers beyond 2^53 are bigints on this side. */

type Reviver = (key: string, value: unknown, context: {readonly source?: string}) => unknown
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown
const rawJson = (JSON as unknown as {rawJSON(text: string): unknown}).rawJSON

/** @throws {TypeError} for what JSON cannot hold */
export function exactText(data: unknown): string {
  try {
    return JSON.stringify(data) ?? 'null'
  } catch (error) {
    // A bigint is the usual reason, and the slow way knows it.
    if (!(error instanceof TypeError)) throw error
    return JSON.stringify(data, (_key, value: unknown) => (typeof value === 'bigint' ? rawJson(String(value)) : value))
  }
}

export function parseExactText(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text)
  return parseWithSource(text, (_key, value, {source}) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value,
  )
}
