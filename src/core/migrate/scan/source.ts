import {Buffer} from 'node:buffer'
/**
 * A Python source as text that can be turned back into the very bytes it came from: encoding, byte order mark and line
 * ends included.
 */
export type LineEnd = '\n' | '\r' | '\r\n'

export interface Source {
  /** Without a byte order mark. */
  readonly text: string
  readonly encoding: 'latin-1' | 'utf8'
  readonly bom: boolean
  /** The line end that most lines have; LF in a file without any. */
  readonly lineEnd: LineEnd
  /** Why Python 3 would refuse these bytes, or null. */
  readonly encodingProblem: string | null
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

/** PEP 263: in one of the first two lines, and only in a comment. */
const CODING = /^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/

const UTF8_NAMES = new Set('u8 utf utf-8 utf-8-sig utf8 utf_8 cp65001'.split(' '))

function declaredEncoding(bytes: Buffer): string | null {
  const head = bytes
    .subarray(0, 512)
    .toString('latin1')
    .split(/\r\n|\r|\n/, 2)
  for (const line of head) {
    const match = CODING.exec(line)
    if (match) return match[1]!.toLowerCase()
  }

  return null
}

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

function mostFrequentLineEnd(text: string): LineEnd {
  const crlf = text.match(/\r\n/g)?.length ?? 0
  const lf = (text.match(/\n/g)?.length ?? 0) - crlf
  const cr = (text.match(/\r/g)?.length ?? 0) - crlf
  if (crlf > lf && crlf >= cr) return '\r\n'
  return cr > lf ? '\r' : '\n'
}

/**
 * Text of `bytes`. What is not UTF-8 is read as Latin-1, one character a byte: every ASCII-compatible encoding keeps its
 * structure that way, and what is inserted is ASCII.
 */
export function decodeSource(bytes: Buffer): Source {
  const bom = bytes.subarray(0, 3).equals(BOM)
  const body = bom ? bytes.subarray(3) : bytes
  const declared = declaredEncoding(body)
  const isUtf8 = declared === null || UTF8_NAMES.has(declared)
  const text = isUtf8 ? decodeUtf8(body) : null
  return {
    text: text ?? body.toString('latin1'),
    encoding: text === null ? 'latin-1' : 'utf8',
    bom,
    lineEnd: mostFrequentLineEnd(text ?? body.toString('latin1')),
    encodingProblem: isUtf8 && text === null ? 'not UTF-8, and no coding line says what it is' : null,
  }
}

/** The bytes of `text` in the encoding of `source`. Only ASCII may have been added to what {@link decodeSource} gave. */
export function encodeSource(source: Source, text: string): Buffer {
  const body = Buffer.from(text, source.encoding === 'utf8' ? 'utf8' : 'latin1')
  return source.bom ? Buffer.concat([BOM, body]) : body
}

/** 1-based, columns counted in UTF-16 code units as SARIF and most editors do. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Turns offsets into `text` into positions. Python's line ends: LF, CRLF, CR. */
export class LineMap {
  readonly #starts: number[] = [0]

  constructor(text: string) {
    for (const match of text.matchAll(/\r\n|\r|\n/g)) this.#starts.push(match.index + match[0].length)
  }

  at(offset: number): Position {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle - 1
    }

    return {line: low + 1, column: offset - this.#starts[low]! + 1}
  }
}
