import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import type {CheckOutcome, InstallStep} from './journal/schema.ts'
import {stage} from './journal/stage.ts'
import type {JournalStore} from './journal/store.ts'
import {Transaction} from './journal/transaction.ts'
import {takeLock} from './lock.ts'
import type {MigrationPlan} from './plan/plan.ts'
import {guardRefused} from './refusals.ts'
import {askWrappers, type WrapperActivity} from './verify/checks.ts'
import {compareChecks, runChecks, type Verification, type VerificationRequest} from './verify/verify.ts'

/** How a migration that was begun ended. */
export interface Execution {
  readonly id: string
  /** `rolled-back` when verification found a regression: the tree is as it was. */
  readonly status: 'migrated' | 'rolled-back'
  readonly verification: Verification
  readonly wrappers: readonly WrapperActivity[]
}

/** Everything that happens under the lock. */
export async function underLock<T>(effects: Effects, store: JournalStore, work: () => Promise<T>): Promise<T> {
  store.prepare()
  const lock = await takeLock(effects, store.folder)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

function wrapperPaths(transaction: Transaction): string[] {
  return transaction.journal.data.steps.flatMap((step) =>
    step.type === 'file' && step.role === 'wrapper' ? [step.path] : [],
  )
}

/** With --python the point is that npubridge answers: a wrapper that falls back there has not been verified. */
function inactiveWrappers(wrappers: readonly WrapperActivity[]): CheckOutcome[] {
  return wrappers
    .filter(({active}) => active !== 'npubridge')
    .map(({path, reason}) => ({name: `${path} runs on npubridge`, ok: false, problem: reason}))
}

/**
 * Carries a journal to its end: what is left of the steps, then verification. Regressions and failures take everything
 * back.
 *
 * @throws after everything was taken back when a step failed or `signal` was aborted.
 */
export async function finish(
  effects: Effects,
  transaction: Transaction,
  emit: Emit,
  root: string,
  signal?: AbortSignal,
): Promise<Execution> {
  const {journal} = transaction
  const {verification: request, strategy} = journal.data
  try {
    emit({type: 'phase', phase: 'apply', state: 'started'})
    await transaction.apply(signal)
    emit({type: 'phase', phase: 'apply', state: 'done'})
    emit({type: 'phase', phase: 'verify', state: 'started'})
    if (journal.data.state !== 'verifying') journal.enter('verifying')
    const compared = compareChecks(request.before, await runChecks(effects, root, request, signal))
    const wrappers = request.python
      ? await askWrappers(effects, request.python, root, wrapperPaths(transaction), signal)
      : []
    const inactive = request.requireNpubridge && strategy === 'replace' ? inactiveWrappers(wrappers) : []
    const verification = {...compared, regressions: [...compared.regressions, ...inactive]}
    if (verification.regressions.length === 0) {
      journal.enter('done')
      emit({type: 'phase', phase: 'verify', state: 'done'})
      return {id: journal.id, status: 'migrated', verification, wrappers}
    }
    emit({type: 'phase', phase: 'rollback', state: 'started'})
    await transaction.undo(`verification failed: ${verification.regressions.map(({name}) => name).join(', ')}`)
    emit({type: 'phase', phase: 'rollback', state: 'done'})
    return {id: journal.id, status: 'rolled-back', verification, wrappers}
  } catch (error) {
    // Once done or rolled back there is nothing to take back.
    if (journal.data.state === 'done' || journal.data.state === 'rolled-back') throw error
    emit({type: 'phase', phase: 'rollback', state: 'started'})
    const failure = await transaction.undoAfter(error)
    emit({type: 'phase', phase: 'rollback', state: 'done'})
    throw failure
  }
}

export interface ExecutionRequest {
  readonly plan: MigrationPlan
  readonly install: InstallStep | null
  readonly verification: VerificationRequest
  readonly signal?: AbortSignal | undefined
}

/** Baseline, staging, steps, verification; the whole of it under the lock. */
export async function execute(
  effects: Effects,
  store: JournalStore,
  request: ExecutionRequest,
  emit: Emit,
): Promise<Execution> {
  const {plan, install, verification, signal} = request
  return underLock(effects, store, async () => {
    const other = store.unfinished()
    if (other)
      throw guardRefused(`migration ${other.id} was left unfinished in the meantime`, ['run the same command again'])
    store.sweep()
    emit({type: 'phase', phase: 'baseline', state: 'started'})
    const before = await runChecks(effects, plan.root, verification, signal)
    emit({type: 'phase', phase: 'baseline', state: 'done'})
    signal?.throwIfAborted()
    emit({type: 'phase', phase: 'stage', state: 'started'})
    const journal = stage(effects, store, {plan, install, verification: {...verification, before}})
    emit({type: 'phase', phase: 'stage', state: 'done'})
    return finish(effects, new Transaction(effects, store, journal, emit), emit, plan.root, signal)
  })
}
