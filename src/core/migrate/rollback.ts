import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import type {Journal} from './journal/journal.ts'
import type {Session} from './session.ts'

import {NpuBridgeError} from '../errors.ts'
import {underLock} from './execute.ts'
import {isUnfinished} from './journal/schema.ts'
import {JournalStore} from './journal/store.ts'
import {describeStep, Transaction} from './journal/transaction.ts'
import {fileSystemError, guardRefused} from './refusals.ts'

export interface RollbackOptions {
  /** Absolute, without links. */
  readonly root: string
  /** Everything that is in effect instead of the latest migration only. */
  readonly all: boolean
  /** Asked before anything changes. */
  readonly confirm: (offer: RollbackOffer) => Promise<boolean>
}

export interface RollbackOffer {
  readonly id: string
  readonly kind: 'migrate' | 'promote'
  /** What is taken back, in the order of doing so. */
  readonly steps: readonly string[]
}

export interface RollbackReport {
  readonly root: string
  readonly status: 'declined' | 'nothing-to-do' | 'rolled-back'
  readonly rolledBack: ReadonlyArray<{
    readonly id: string
    readonly kind: 'migrate' | 'promote'
    readonly files: readonly string[]
  }>
  /** Migrations that are still in effect. */
  readonly remaining: readonly string[]
}

/** Later ones stand on earlier ones, so the order is fixed. */
function candidates(store: JournalStore, all: boolean): Journal[] {
  const inEffect = store
    .list()
    .filter(({data}) => data.state === 'done' || isUnfinished(data.state))
    .toReversed()
  return all ? inEffect : inEffect.slice(0, 1)
}

function offerOf(journal: Journal): RollbackOffer {
  const touched = journal.data.steps.filter((step) => step.state === 'done' || step.state === 'started')
  return {id: journal.id, kind: journal.data.kind, steps: touched.toReversed().map((step) => describeStep(step))}
}

function touchedFiles(journal: Journal): string[] {
  return journal.data.steps.flatMap((step) => (step.type === 'file' && step.state === 'undone' ? [step.path] : []))
}

async function undo(transaction: Transaction): Promise<void> {
  try {
    await transaction.undo('asked for')
  } catch (error) {
    if (error instanceof NpuBridgeError) throw error
    throw fileSystemError(
      error,
      'rolling back',
      'Nothing is lost: the next npubridge migrate rollback goes on from here.',
    )
  }
}

/**
 * Puts the tree back, byte for byte and mode for mode.
 *
 * @throws {Error} with exit code 4, before anything changes, when a file was edited since or another migration is at work.
 */
export async function rollback(effects: Effects, options: RollbackOptions, emit: Emit): Promise<RollbackReport> {
  const store = new JournalStore(effects, options.root)
  const session: Session = {effects, store, emit, signal: undefined}
  const rolledBack: Array<{id: string; kind: 'migrate' | 'promote'; files: string[]}> = []
  const report = (status: RollbackReport['status']): RollbackReport => ({
    root: options.root,
    status,
    rolledBack,
    remaining: candidates(store, true).map(({id}) => id),
  })
  const wanted = candidates(store, options.all)
  if (wanted.length === 0) return report('nothing-to-do')
  for (const {id} of wanted) {
    const journal = store.list().find((candidate) => candidate.id === id)!
    if (!(await options.confirm(offerOf(journal)))) return report('declined')
    await underLock(session, async () => {
      const [current] = candidates(store, false)
      if (current?.id !== id)
        throw guardRefused(`migration ${id} is not the latest any more`, ['run the same command again'])
      emit({type: 'phase', phase: 'rollback', state: 'started', detail: id})
      const transaction = new Transaction(session, current)
      await undo(transaction)
      emit({type: 'phase', phase: 'rollback', state: 'done', detail: id})
      rolledBack.push({id, kind: current.data.kind, files: touchedFiles(current)})
    })
  }

  return report('rolled-back')
}
