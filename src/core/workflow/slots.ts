/** Places that several workflows share, so that together they run no more tasks than the machine is meant to. */
import {cancelled, throwIfCancelled} from '../process/run.ts'

export class Slots {
  /** No limit. */
  static readonly none = new Slots(Infinity)
  static readonly #ofProcess = new Map<number, Slots>()
  #free: number
  readonly #waiting: Array<() => void> = []

  constructor(count: number) {
    this.#free = count
  }

  /** The places that all workflows of this process share where the configuration sets `workflow.max_parallel`. */
  static ofProcess(count: number | undefined): Slots {
    if (count === undefined) return this.none
    const known = this.#ofProcess.get(count) ?? new this(count)
    this.#ofProcess.set(count, known)
    return known
  }

  /** Waits for a place; disposing of it gives it back. First come, first served. */
  async take(signal: AbortSignal): Promise<Disposable> {
    throwIfCancelled(signal)
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    let isTaken = true
    return {
      [Symbol.dispose]: () => {
        if (isTaken) this.#giveBack()
        isTaken = false
      },
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onTurn = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }

      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1)
        reject(cancelled(signal))
      }

      this.#waiting.push(onTurn)
      signal.addEventListener('abort', onAbort, {once: true})
    })
  }

  #giveBack(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
