/** Progress of a search on stderr: a line that renews itself, on a terminal only. */
import type {Talk} from '../bench/progress.ts'

const CLEAR_LINE = '\r\u{1B}[K'

export class TuneProgress {
  readonly #talk: Talk

  constructor(talk: Talk) {
    this.#talk = talk
  }

  readonly update = (doing: string, fraction: number): void => {
    if (!this.#talk.isTTY) return
    const text = `${Math.round(fraction * 100)} % · ${doing}`
    this.#talk.write(`${CLEAR_LINE}${text.slice(0, Math.max(0, this.#talk.columns - 1))}`)
  }

  clear(): void {
    if (this.#talk.isTTY) this.#talk.write(CLEAR_LINE)
  }
}
