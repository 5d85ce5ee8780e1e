import type {Journal} from './journal/journal.ts'
import type {Session} from './session.ts'

import {type Execution, finish} from './execute.ts'
import {Transaction} from './journal/transaction.ts'

/**
 * Ends what a killed process began: forwards when every step that was done still stands, back otherwise. The caller holds
 * the lock.
 *
 * @returns how the migration ended, or null when it was taken back and the tree is as it was.
 */
export async function recover(session: Session, journal: Journal): Promise<Execution | null> {
  const {emit} = session
  const transaction = new Transaction(session, journal)
  emit({type: 'phase', phase: 'recover', state: 'started', detail: journal.id})
  if (transaction.canResume()) {
    const execution = await finish(session, transaction)
    emit({type: 'phase', phase: 'recover', state: 'done', detail: 'resumed'})
    return execution
  }

  await transaction.undo('left unfinished by a process that was stopped')
  emit({type: 'phase', phase: 'recover', state: 'done', detail: 'taken back'})
  return null
}
