/** Snapshots of the last seconds: rates over one that is a few seconds old are neither noisy nor late. */
import {type Figures} from './figures.ts'
import {isLater} from './view.ts'

const SPAN_MS = 5000

export class RecentFigures {
  #kept: Figures[] = []

  /** Whether the engine is another one than before: its counts begin anew. */
  add(figures: Figures): {readonly isRestarted: boolean} {
    const last = this.#kept.at(-1)
    // The same snapshot once more, as an engine gives whose snapshots are dear.
    if (last?.uptimeMs === figures.uptimeMs) return {isRestarted: false}
    const isRestarted = last !== undefined && !isLater(figures, last)
    if (isRestarted) this.#kept = []
    this.#kept.push(figures)
    const newest = figures.uptimeMs ?? 0
    while (this.#kept.length > 2 && newest - (this.#kept[1]!.uptimeMs ?? 0) >= SPAN_MS) this.#kept.shift()
    return {isRestarted}
  }

  clear(): void {
    this.#kept = []
  }

  get current(): Figures | null {
    return this.#kept.at(-1) ?? null
  }

  /** The oldest that is kept; null where there is only one. */
  get earlier(): Figures | null {
    return this.#kept.length > 1 ? this.#kept[0]! : null
  }
}
