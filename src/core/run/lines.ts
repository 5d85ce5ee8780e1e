/**
 * Cuts a byte stream into lines in constant memory: what is held is the unfinished line, and that only up to the
 * limit; the rest of a longer one is skipped as it comes.
 */
import {Buffer} from 'node:buffer'

/** The longest line that is read, in bytes, its line end not counted. */
export const LONGEST_LINE = 64 * 1024 * 1024

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const TAB = 0x09
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const NOTHING = Buffer.alloc(0)

export interface Line {
  /** Its place in the file, the first being 1; blank lines count. */
  readonly number: number
  /** Without line end and byte order mark. A view of the chunk it came in, to be used before the next one. */
  readonly bytes: Buffer
  /** The line was longer than the limit; `bytes` is empty. */
  readonly tooLong: boolean
}

export class LineSplitter {
  readonly #limit: number
  /** Pieces of the line that has no end yet. */
  #pieces: Buffer[] = []
  #held = 0
  #skipping = false
  #number = 0

  constructor(limit: number = LONGEST_LINE) {
    this.#limit = limit
  }

  /** The lines that end within `chunk`; blank ones are left out. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#finish(chunk.subarray(start, end), lines)
      start = end + 1
    }

    this.#hold(chunk.subarray(start))
    return lines
  }

  /** The last line, if the stream did not end with a line feed. */
  end(): Line[] {
    const lines: Line[] = []
    if (this.#held > 0 || this.#skipping) this.#finish(NOTHING, lines)
    return lines
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return
    this.#held += piece.length
    // One byte more than the limit may still be the CR of a line that is just short enough.
    if (this.#held > this.#limit + 1 + BYTE_ORDER_MARK.length) {
      this.#skipping = true
      this.#pieces = []
    } else if (!this.#skipping) this.#pieces.push(piece)
  }

  #finish(last: Buffer, lines: Line[]): void {
    this.#number++
    if (this.#held > 0) this.#hold(last)
    const whole = this.#held > 0 ? this.#join() : last
    const bytes = this.#trim(whole)
    const tooLong = this.#skipping || bytes.length > this.#limit
    this.#pieces = []
    this.#held = 0
    this.#skipping = false
    if (tooLong) lines.push({bytes: NOTHING, number: this.#number, tooLong})
    else if (!isBlank(bytes)) lines.push({bytes, number: this.#number, tooLong})
  }

  #join(): Buffer {
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces)
  }

  #trim(line: Buffer): Buffer {
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    const start = this.#number === 1 && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    return line.subarray(start, Math.max(start, end))
  }
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return false
  }

  return true
}
