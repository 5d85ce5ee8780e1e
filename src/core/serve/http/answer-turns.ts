/** How long answers that are not urgent are written in a row, in milliseconds; one takes some 0.03 ms, large ones 0.2. */
const TURN_MS = 1

/**
 * Lets answers that are not urgent take turns with what the event loop reads. A client sends its next request once it
 * has its answer, so with a hundred answers written at once a hundred requests would have to be read before an urgent
 * one: by writing for a short time only, an urgent request waits for no more than that.
 */
export class AnswerTurns {
  readonly #waiting: Array<() => void> = []
  readonly #now: () => number
  #ends = 0
  #isDue = false

  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** Calls `answer`, which must not throw: at once where this turn has time left, else in one of the next, in order. */
  run(answer: () => void): void {
    if (!this.#isDue) this.#begin()
    if (this.#waiting.length === 0 && this.#now() < this.#ends) answer()
    else this.#waiting.push(answer)
  }

  #begin(): void {
    this.#ends = this.#now() + TURN_MS
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      if (this.#waiting.length === 0) return
      this.#begin()
      // One at least, however long the clock takes.
      do this.#waiting.shift()!()
      while (this.#waiting.length > 0 && this.#now() < this.#ends)
    })
  }
}
