import type {Emit} from './events.ts'
import type {CheckOutcome, InstallStep} from './journal/schema.ts'
import type {MigrationPlan} from './plan/plan.ts'
import type {Session} from './session.ts'

import {stage} from './journal/stage.ts'
import {Transaction} from './journal/transaction.ts'
import {type Lock, takeLock} from './lock.ts'
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
export async function underLock<T>({effects, store, emit}: Session, work: () => Promise<T>): Promise<T> {
  store.prepare()
  const lock = await takeLock(effects, store.folder)
  try {
    return await work()
  } finally {
    release(lock, emit)
  }
}

/** What was done stays done: a lock that cannot be removed is void as soon as this process has ended. */
function release(lock: Lock, emit: Emit): void {
  try {
    lock.release()
  } catch (error) {
    emit({type: 'warning', message: `the lock could not be removed: ${error instanceof Error ? error.message : ''}`})
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
 * @throws {Error} after everything was taken back when a step failed or the session's signal was aborted.
 */
export async function finish(session: Session, transaction: Transaction): Promise<Execution> {
  const {effects, emit, signal} = session
  const tree = {effects, root: session.store.root, signal}
  const {journal} = transaction
  const {verification: request, strategy} = journal.data
  try {
    emit({type: 'phase', phase: 'apply', state: 'started'})
    await transaction.apply()
    emit({type: 'phase', phase: 'apply', state: 'done'})
    emit({type: 'phase', phase: 'verify', state: 'started'})
    if (journal.data.state !== 'verifying') journal.enter('verifying')
    const compared = compareChecks(request.before, await runChecks(tree, request))
    const wrappers = request.python
      ? await askWrappers({...tree, python: request.python}, wrapperPaths(transaction))
      : []
    const isRequired = strategy === 'replace' && request.requireNpubridge
    const inactive = isRequired ? inactiveWrappers(wrappers) : []
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
}

/** Baseline, staging, steps, verification; the whole of it under the lock. */
export async function execute(session: Session, request: ExecutionRequest): Promise<Execution> {
  const {effects, store, emit, signal} = session
  const {plan, install, verification} = request
  return underLock(session, async () => {
    const other = store.unfinished()
    if (other)
      throw guardRefused(`migration ${other.id} was left unfinished in the meantime`, ['run the same command again'])
    store.sweep()
    emit({type: 'phase', phase: 'baseline', state: 'started'})
    const before = await runChecks({effects, root: plan.root, signal}, verification)
    emit({type: 'phase', phase: 'baseline', state: 'done'})
    signal?.throwIfAborted()
    emit({type: 'phase', phase: 'stage', state: 'started'})
    const journal = stage(effects, store, {plan, install, verification: {...verification, before}})
    emit({type: 'phase', phase: 'stage', state: 'done'})
    return finish(session, new Transaction(session, journal))
  })
}
