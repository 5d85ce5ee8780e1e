import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import type {JournalStore} from './journal/store.ts'

/** One run in one tree: what it works with and whom it tells. */
export interface Session {
  readonly effects: Effects
  readonly store: JournalStore
  readonly emit: Emit
  readonly signal: AbortSignal | undefined
}
