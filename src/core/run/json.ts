/**
 * JSON in, without loss and with places. V8's own parser is the fast path: it reads an ordinary line as fast as a
 * hand-written one would, and a second, exact pass is paid for only by lines that carry integers beyond 2^53.
 */
import {NpuBridgeError} from '../errors.ts'

/** A number that may have lost digits when it was read as a double. */
export function isUnsafeInteger(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER && Number.isFinite(value)
}

/**
 * Parses one line.
 * @throws {NpuBridgeError} PROTOCOL_ERROR with the column of the first wrong character.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw syntaxError(text, error)
  }
}

const INTEGER = /^-?\d+$/

type ReviverContext = {readonly source?: string}
type ParseWithSource = (
  text: string,
  reviver: (key: string, value: unknown, context: ReviverContext) => unknown,
) => unknown

/**
 * Parses a line that is known to be JSON, with every integer literal beyond 2^53 as a bigint. Four to ten times slower
 * than {@link parseJson}.
 * @throws {NpuBridgeError} INVALID_ARGUMENT where the nesting is deeper than the call stack allows.
 */
export function parseJsonExactly(text: string): unknown {
  try {
    return (JSON.parse as ParseWithSource)(text, (_key, value, {source}) =>
      source !== undefined && isUnsafeInteger(value) && INTEGER.test(source) ? BigInt(source) : value,
    )
  } catch (error) {
    throw new NpuBridgeError('INVALID_ARGUMENT', 'the line is nested too deeply', {cause: error})
  }
}

/** JSON text that carries bigints as their exact digits. */
export function rawJson(digits: string): unknown {
  return (JSON as unknown as {rawJSON(text: string): unknown}).rawJSON(digits)
}

function syntaxError(text: string, cause: unknown): NpuBridgeError {
  const offset = firstWrongCharacter(text)
  const found = offset < text.length ? String.fromCodePoint(text.codePointAt(offset)!) : undefined
  const what = found === undefined ? 'unexpected end of line' : `unexpected ${JSON.stringify(found)}`
  return new NpuBridgeError('PROTOCOL_ERROR', `not JSON at column ${offset + 1}: ${what}`, {
    cause,
    suggestions: syntaxAdvice(text, offset),
  })
}

function syntaxAdvice(text: string, offset: number): string[] {
  const rest = text.slice(offset, offset + 12)
  if (/^-?(?:NaN|Infinity|inf|nan)/.test(rest) || /^(?:Infinity|inf)/.test(rest))
    return [
      'JSON has no NaN and no Infinity: send them as the strings "NaN", "Infinity", "-Infinity" and give --nonfinite string',
    ]
  if (rest.startsWith("'")) return ['JSON strings take double quotes']
  if (/^(?:True|False|None)/.test(rest)) return ['JSON writes true, false and null']
  if (/^(?:\/\/|\/\*|#)/.test(rest)) return ['JSON has no comments']
  if (offset >= text.length) return ['give one whole JSON object a line']
  return []
}

/** A line nested deeper than this is refused here without looking further, so that memory stays bounded. */
const DEEPEST = 1_000_000
const WHITESPACE = new Set([' ', '\n', '\r', '\t'])
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?/iy

type Expectation = 'colon' | 'element-or-end' | 'key' | 'key-or-end' | 'next' | 'value'

interface Scan {
  readonly text: string
  at: number
  expect: Expectation
  /** The closing bracket of each open container. */
  readonly open: string[]
}

/**
 * Where the first character stands that JSON does not allow there; the length of the text if it only ends too early.
 * Used after V8 refused the text, because its messages name a position only sometimes.
 */
export function firstWrongCharacter(text: string): number {
  const scan: Scan = {at: 0, expect: 'value', open: [], text}
  for (;;) {
    while (WHITESPACE.has(text[scan.at]!)) scan.at++
    const char = text[scan.at]
    if (char === undefined || !STEPS[scan.expect](scan, char)) return scan.at
  }
}

/** What each expectation makes of the next character: moves on and says true, or stands at what is wrong. */
const STEPS: Readonly<Record<Expectation, (scan: Scan, char: string) => boolean>> = {
  colon: (scan, char) => char === ':' && advance(scan, 'value'),
  'element-or-end': (scan, char) => (char === ']' ? close(scan) : scanValue(scan, char)),
  key: (scan, char) => char === '"' && scanToken(scan, endOfString(scan.text, scan.at), 'colon'),
  'key-or-end': (scan, char) => (char === '}' ? close(scan) : STEPS.key(scan, char)),
  next(scan, char) {
    const closing = scan.open.at(-1)
    if (closing === undefined) return false
    if (char === closing) return close(scan)
    return char === ',' && advance(scan, closing === '}' ? 'key' : 'value')
  },
  value: scanValue,
}

function advance(scan: Scan, expect: Expectation): boolean {
  scan.at++
  scan.expect = expect
  return true
}

function close(scan: Scan): boolean {
  scan.open.pop()
  return advance(scan, 'next')
}

function scanToken(scan: Scan, end: End, expect: Expectation): boolean {
  scan.at = end.at
  scan.expect = expect
  return !end.wrong
}

function scanValue(scan: Scan, char: string): boolean {
  if (char !== '{' && char !== '[') return scanToken(scan, endOfScalar(scan.text, scan.at), 'next')
  if (scan.open.length === DEEPEST) return false
  scan.open.push(char === '{' ? '}' : ']')
  return advance(scan, char === '{' ? 'key-or-end' : 'element-or-end')
}

interface End {
  readonly at: number
  readonly wrong: boolean
}

function endOfScalar(text: string, start: number): End {
  if (text[start] === '"') return endOfString(text, start)
  for (const word of ['true', 'false', 'null']) {
    if (text[start] === word[0]) return endOfWord(text, start, word)
  }

  NUMBER.lastIndex = start
  const match = NUMBER.exec(text)
  if (match) return {at: start + match[0].length, wrong: false}
  return {at: text[start] === '-' ? start + 1 : start, wrong: true}
}

function endOfWord(text: string, start: number, word: string): End {
  let at = start
  while (at - start < word.length && text[at] === word[at - start]) at++
  return {at, wrong: at - start < word.length}
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-f]{4})/iy

function endOfString(text: string, start: number): End {
  let at = start + 1
  for (;;) {
    const code = text.codePointAt(at)
    if (code === undefined || code < 0x20) return {at: Math.min(at, text.length), wrong: true}
    if (code === 0x22) return {at: at + 1, wrong: false}
    if (code === 0x5c) {
      ESCAPE.lastIndex = at
      const match = ESCAPE.exec(text)
      if (!match) return {at: Math.min(at + 1, text.length), wrong: true}
      at += match[0].length
    } else at++
  }
}
