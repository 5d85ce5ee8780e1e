/** `top` on a terminal: keys, sizes, and no more bytes than what changed takes. */
import {type PrintableTop, renderTop, type Sort, SORTS, type TopLook} from './render.ts'

/** What there is to show; null before the first reading. */
export interface Shown {
  readonly top: PrintableTop | null
  readonly rates: TopLook['rates']
  readonly status: TopLook['status']
}

const KEYS = 'q quit · p pause · s sort · r reverse · ↑↓ scroll'
/** Arrows are three characters, all other keys one. */
// eslint-disable-next-line no-control-regex -- it is what terminals send
const KEY = /(\u{1B}\[[A-D]|[^])/u
const [DEFAULT_COLUMNS, DEFAULT_ROWS] = [80, 24]

export class TopScreen implements Disposable {
  readonly #stdin: NodeJS.ReadStream
  readonly #stdout: NodeJS.WriteStream
  readonly #read: () => Shown
  readonly #onQuit: () => void
  #lines: string[] = []
  #frozen: Shown | undefined
  #sort: Sort = 'ops/s'
  #isReversed = false
  #offset = 0

  constructor(
    {stdin, stdout}: {stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream},
    {onQuit, read}: {onQuit: () => void; read: () => Shown},
  ) {
    this.#stdin = stdin
    this.#stdout = stdout
    this.#read = read
    this.#onQuit = onQuit
    // The other screen, without cursor and wrapping: what was there comes back at the end.
    stdout.write('\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l')
    stdout.on('resize', this.#onResize)
    if (!stdin.isTTY) return
    stdin.setRawMode(true)
    stdin.setEncoding('utf8')
    stdin.on('data', this.#onKeys)
  }

  [Symbol.dispose](): void {
    this.#stdout.off('resize', this.#onResize)
    this.#stdout.write('\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l')
    if (!this.#stdin.isTTY) return
    this.#stdin.off('data', this.#onKeys)
    this.#stdin.setRawMode(false)
    this.#stdin.pause()
  }

  /** Shows what is there now. */
  draw(): void {
    const shown = this.#frozen ?? this.#read()
    // A terminal that does not tell its size tells 0.
    const columns = this.#stdout.columns || DEFAULT_COLUMNS
    const rows = this.#stdout.rows || DEFAULT_ROWS
    const status = this.#frozen ? ({kind: 'warn', text: 'paused'} as const) : shown.status
    const lines = shown.top
      ? renderTop(shown.top, {
          width: columns,
          height: rows,
          sort: this.#sort,
          isReversed: this.#isReversed,
          offset: this.#offset,
          status,
          rates: shown.rates,
          keys: KEYS,
        })
      : [status.text]
    this.#write(lines, rows)
  }

  #write(lines: readonly string[], rows: number): void {
    let output = ''
    for (let row = 0; row < rows; row++) {
      const line = lines[row] ?? ''
      // Erased first: behind a line of full width the cursor still stands on its last character.
      if (line !== this.#lines[row]) output += `\u{1B}[${row + 1};1H\u{1B}[K${line}`
    }

    this.#lines = Array.from({length: rows}, (_, row) => lines[row] ?? '')
    if (output !== '') this.#stdout.write(output)
  }

  readonly #onResize = (): void => {
    this.#lines = []
    this.#stdout.write('\u{1B}[2J')
    this.draw()
  }

  readonly #onKeys = (keys: string): void => {
    for (const key of keys.split(KEY)) this.#onKey(key)
    this.draw()
  }

  #onKey(key: string): void {
    switch (key) {
      case '\u{3}':
      case 'q': {
        this.#onQuit()
        break
      }

      case ' ':
      case 'p': {
        this.#frozen = this.#frozen ? undefined : this.#read()
        break
      }

      case 's': {
        this.#sort = SORTS[(SORTS.indexOf(this.#sort) + 1) % SORTS.length]!
        break
      }

      case 'r': {
        this.#isReversed = !this.#isReversed
        break
      }

      case '\u{1B}[A':
      case 'k': {
        this.#offset = Math.max(0, this.#offset - 1)
        break
      }

      case '\u{1B}[B':
      case 'j': {
        const models = (this.#frozen ?? this.#read()).top?.models.length ?? 0
        this.#offset = Math.max(0, Math.min(models - 1, this.#offset + 1))
        break
      }

      default: {
        break
      }
    }
  }
}
