/** Where the figures of `top` come from. */
import type {Figures} from '../dashboard/figures.ts'
import type {Live} from '../dashboard/live.ts'

/** What is told at one moment. */
export interface Reading {
  readonly figures: Figures
  /** Null for a server that tells nothing but its engine's metrics. */
  readonly live: Live | null
}

export interface SourceHandlers {
  onReading(reading: Reading): void
  /** There is nothing to be read for the time being. */
  onLost(why: string): void
}

export interface TopSource extends AsyncDisposable {
  readonly kind: 'engine' | 'server'
  /** A URL, or what engine it is. */
  readonly name: string
  /** Begins to read, again and again. */
  start(intervalMs: number, handlers: SourceHandlers): void
}
