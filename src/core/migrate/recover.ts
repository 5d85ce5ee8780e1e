import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import {finish, type Execution} from './execute.ts'
import type {Journal} from './journal/journal.ts'
import type {JournalStore} from './journal/store.ts'
import {Transaction} from './journal/transaction.ts'

/**
 * Ends what a killed process began: forwards when every step that was done still stands, back otherwise. The caller holds
 * the lock.
 *
 * @returns how the migration ended, or null when it was taken back and the tree is as it was.
 */
export async function recover(
  effects: Effects,
  store: JournalStore,
  journal: Journal,
  emit: Emit,
  signal?: AbortSignal,
): Promise<Execution | null> {
  const transaction = new Transaction(effects, store, journal, emit)
  emit({type: 'phase', phase: 'recover', state: 'started', detail: journal.id})
  if (transaction.canResume()) {
    const execution = await finish(effects, transaction, emit, store.root, signal)
    emit({type: 'phase', phase: 'recover', state: 'done', detail: 'resumed'})
    return execution
  }
  await transaction.undo('left unfinished by a process that was stopped')
  emit({type: 'phase', phase: 'recover', state: 'done', detail: 'taken back'})
  return null
}
