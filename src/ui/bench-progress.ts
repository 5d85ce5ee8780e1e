/** Progress of a benchmark on stderr: a line that renews itself on a terminal, a line a suite elsewhere. */
import type {Terminal} from './run.ts'

import {formatSeconds} from './units.ts'

export type BenchProgressEvent =
  | {readonly type: 'advanced'; readonly doing: string; readonly fraction: number; readonly suite: string}
  | {readonly type: 'finished'; readonly seconds: number; readonly suite: string}
  | {readonly type: 'started'; readonly suite: string}

const CLEAR_LINE = '\r\u{1B}[K'

/** A terminal or a stream of text; `isTTY` says which. */
export type Talk = Pick<NodeJS.WriteStream, 'isTTY'> & Terminal

export class BenchProgress {
  readonly #talk: Talk
  readonly #suites: readonly string[]
  readonly #now: () => number
  readonly #startedAt: number

  /** `suites` names all that will be run. */
  constructor(talk: Talk, suites: readonly string[], now: () => number = () => performance.now()) {
    this.#talk = talk
    this.#suites = suites
    this.#now = now
    this.#startedAt = now()
  }

  readonly onEvent = (event: BenchProgressEvent): void => {
    if (event.type === 'advanced') this.#renew(event.suite, event.doing, event.fraction)
    if (event.type !== 'finished') return
    this.clear()
    this.#talk.write(`${event.suite} measured in ${formatSeconds(event.seconds)}\n`)
  }

  clear(): void {
    if (this.#talk.isTTY) this.#talk.write(CLEAR_LINE)
  }

  #renew(suite: string, doing: string, fraction: number): void {
    if (!this.#talk.isTTY) return
    const done = (this.#suites.indexOf(suite) + fraction) / this.#suites.length
    const text = `${Math.round(done * 100)} % · ${doing}${this.#left(done)}`
    this.#talk.write(`${CLEAR_LINE}${text.slice(0, Math.max(0, this.#talk.columns - 1))}`)
  }

  /** Suites take different times, so this is an estimate; at first it would be none. */
  #left(done: number): string {
    const seconds = (this.#now() - this.#startedAt) / 1000
    return done < 0.05 ? '' : ` · about ${formatSeconds(Math.ceil((seconds * (1 - done)) / done))} left`
  }
}
