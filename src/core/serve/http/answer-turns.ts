/** How many answers that are not urgent are written in a row; each takes some 0.1 ms with the request that follows it. */
const IN_A_ROW = 8

/**
 * Lets answers that are not urgent take turns with what the event loop reads. A client sends its next request once it
 * has its answer, so with a hundred answers written at once a hundred requests would have to be read before an urgent
 * one: by writing a few at a time, an urgent request waits for no more than these.
 */
export class AnswerTurns {
  readonly #waiting: Array<() => void> = []
  #left = IN_A_ROW
  #isDue = false

  /** Nothing to wait for, or when the turn of this answer comes. */
  next(): Promise<void> | undefined {
    this.#beginTurnSoon()
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left--
      return undefined
    }

    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  #beginTurnSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      const now = this.#waiting.splice(0, IN_A_ROW)
      this.#left = IN_A_ROW - now.length
      for (const resolve of now) resolve()
      if (this.#waiting.length > 0) this.#beginTurnSoon()
    })
  }
}
