/** `top` for as long as somebody looks. */
import type {TopSource} from './source.ts'

import {type TopReport, TopState} from './report.ts'

export interface Watching {
  /** Null before the first reading. */
  report(): TopReport | null
  readonly rates: ReadonlyArray<number | null>
  /** Why nothing is read at the moment; null while something is. */
  readonly lost: string | null
  readonly restarts: number
}

/** Reads again and again; `onChange` is called whenever there is something new. */
export function watchSource(source: TopSource, intervalMs: number, onChange: () => void): Watching {
  const state = new TopState(source)
  let lost: string | null = null
  let hasRead = false
  source.start(intervalMs, {
    onLost(why) {
      lost = why
      onChange()
    },
    onReading(reading) {
      lost = null
      hasRead = true
      state.add(reading)
      onChange()
    },
  })
  return {
    report: () => (hasRead ? state.report() : null),
    rates: state.rates,
    get lost() {
      return lost
    },
    get restarts() {
      return state.restarts
    },
  }
}
