/** The history as the page has it: rows by the page's own monotonic time, as many as the server keeps. */
import {SERIES, type Series, type TierRows, TIERS} from '../src/core/dashboard/history.ts'

/** Rows further apart than so many periods have a gap between them. */
const GAP = 2.5

class Rows {
  readonly periodMs: number
  readonly #capacity: number
  readonly times: number[] = []
  readonly series = new Map<Series, Array<number | null>>(SERIES.map((name) => [name, []]))

  constructor(periodMs: number, capacity: number) {
    this.periodMs = periodMs
    this.#capacity = capacity
  }

  append({ages_ms: ages, series}: TierRows, now: number): void {
    for (const [index, age] of ages.entries()) {
      const at = now - age
      const last = this.times.at(-1)
      if (last !== undefined && at <= last) continue
      if (last !== undefined && at - last > GAP * this.periodMs) this.#push(last + 1, () => null)
      this.#push(at, (name) => series[name]?.[index] ?? null)
    }

    const extra = this.times.length - this.#capacity
    if (extra <= 0) return
    this.times.splice(0, extra)
    for (const values of this.series.values()) values.splice(0, extra)
  }

  #push(at: number, value: (name: Series) => number | null): void {
    this.times.push(at)
    for (const [name, values] of this.series) values.push(value(name))
  }
}

export class HistoryStore {
  #tiers = fresh()

  add(history: {readonly complete: boolean; readonly tiers: readonly TierRows[]}, now: number): void {
    if (history.complete) this.#tiers = fresh()
    for (const rows of history.tiers) {
      this.#tiers.find(({periodMs}) => periodMs === rows.period_ms)?.append(rows, now)
    }
  }

  clear(): void {
    this.#tiers = fresh()
  }

  tier(index: number): Rows {
    return this.#tiers[index]!
  }
}

function fresh(): Rows[] {
  return TIERS.map(({capacity, periodMs}) => new Rows(periodMs, capacity))
}
