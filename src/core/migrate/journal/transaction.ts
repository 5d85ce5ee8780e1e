import type {Session} from '../session.ts'
import type {Journal} from './journal.ts'
import type {FileStep, Step} from './schema.ts'

import {NpuBridgeError} from '../../errors.ts'
import {applyInstall, undoInstall} from '../python/install.ts'
import {guardRefused} from '../refusals.ts'
import {FileSteps} from './steps.ts'

/** The steps of one journal, done or undone as a whole. The journal is ahead of the tree by one step at most. */
export class Transaction {
  readonly journal: Journal
  readonly #session: Session
  readonly #files: FileSteps

  constructor(session: Session, journal: Journal) {
    this.journal = journal
    this.#session = session
    this.#files = new FileSteps(session.effects, session.store.root, journal.folder)
  }

  /**
   * Does what is not done yet, from wherever an earlier process got to.
   *
   * @throws {Error} what a step failed with, or what the session's signal was aborted with; then the caller undoes.
   */
  async apply(): Promise<void> {
    for (const [index, step] of this.journal.data.steps.entries()) {
      if (step.state === 'done') continue
      this.#session.signal?.throwIfAborted()
      if (step.type !== 'install' && this.#files.place(step) === 'other') throw changedMeanwhile(step.path)
      this.#session.emit({type: 'step', step: describeStep(step), state: 'started'})
      this.journal.markStep(index, 'started')
      await this.#apply(step)
      this.journal.markStep(index, 'done')
      this.#session.emit({type: 'step', step: describeStep(step), state: 'done'})
    }
  }

  async #apply(step: Step): Promise<void> {
    if (step.type === 'install') await applyInstall(this.#session.effects, step)
    else this.#files.apply(step)
  }

  /** Files that are no longer as the migration left them, so that going back would lose somebody's work. */
  edited(): FileStep[] {
    return this.journal.data.steps.filter(
      (step): step is FileStep => step.type === 'file' && this.#isTouched(step) && this.#files.place(step) === 'other',
    )
  }

  /** A step that was begun but whose new content still waits to be put in place has not changed the tree. */
  #isTouched(step: Step): boolean {
    if (step.state === 'done') return true
    return step.state === 'started' && !(step.type === 'file' && this.#files.isWaiting(step))
  }

  /**
   * Takes everything back in reverse order, from wherever an earlier process got to.
   *
   * @throws {NpuBridgeError} with exit code 4 before anything is touched when a file was edited since.
   */
  async undo(reason: string): Promise<void> {
    const edited = this.edited()
    if (edited.length > 0) throw refuseToOverwrite(edited, this.journal)
    if (this.journal.data.state !== 'rolling-back') this.journal.enter('rolling-back', reason)
    for (const [index, step] of [...this.journal.data.steps.entries()].toReversed()) {
      if (!this.#isTouched(step)) continue
      this.#session.emit({type: 'step', step: describeStep(step), state: 'undone'})
      if (step.type === 'install') await undoInstall(this.#session.effects, step)
      else this.#files.undo(step)
      this.journal.markStep(index, 'undone')
    }

    this.journal.enter('rolled-back')
    this.#sweep()
  }

  /** The copies are not needed any more; what cannot be removed now is removed at the next start. */
  #sweep(): void {
    try {
      this.#session.store.sweep()
    } catch (error) {
      this.#session.emit({type: 'warning', message: `some copies could not be removed: ${messageOf(error)}`})
    }
  }

  /**
   * Whether going on leads to the end: every step that is marked done is done. Otherwise an earlier process took steps
   * back without being able to say so, and the rest has to follow.
   */
  canResume(): boolean {
    const {state, steps} = this.journal.data
    if (state === 'rolling-back') return false
    return steps.every(
      (step) => step.type === 'install' || step.state !== 'done' || this.#files.place(step) !== 'before',
    )
  }

  /**
   * Undoes after a failure, for which the returned error stands.
   *
   * A full disk must not keep the tree from going back, so when the journal cannot be written the steps are undone
   * without it: what the tree looks like says enough at the next start.
   */
  async undoAfter(failure: unknown): Promise<NpuBridgeError> {
    const cause = failure instanceof NpuBridgeError ? failure : null
    const why = messageOf(failure)
    try {
      await this.undo(why)
    } catch (error) {
      if (!this.#undoWithoutJournal()) {
        return new NpuBridgeError(
          'INTERNAL',
          `the migration failed (${why}) and could not be taken back completely (${messageOf(error)})`,
          {
            cause: failure,
            suggestions: [`remove the obstacle, then: npubridge migrate rollback "${this.#session.store.root}"`],
          },
        )
      }
    }

    return new NpuBridgeError(cause?.code ?? 'INTERNAL', `${why}. Everything was taken back: the tree is as it was.`, {
      cause: failure,
      suggestions: cause?.suggestions ?? [],
      ...(cause && {exitCode: cause.exitCode}),
    })
  }

  /** Whether the tree is as it was. Installed packages need no journal entry to be found again, but a process. */
  #undoWithoutJournal(): boolean {
    if (this.edited().length > 0) return false
    const touched = this.journal.data.steps.filter((step) => this.#isTouched(step))
    if (touched.some((step) => step.type === 'install')) return false
    try {
      for (const step of touched.toReversed()) if (step.type !== 'install') this.#files.undo(step)
      return true
    } catch (error) {
      this.#session.emit({
        type: 'warning',
        message: `taking back failed: ${messageOf(error)}`,
      })
      return false
    }
  }
}

function changedMeanwhile(file: string): NpuBridgeError {
  return guardRefused(`${file} was changed by somebody else while the migration was at work`, [
    'run the same command again',
  ])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A step in the words of the events. */
export function describeStep(step: Step): string {
  if (step.type === 'install') return `install ${step.spec}`
  return step.type === 'folder' ? `folder ${step.path}` : `${step.role} ${step.path}`
}

function refuseToOverwrite(edited: readonly FileStep[], journal: Journal): NpuBridgeError {
  const names = edited.map((step) => step.path)
  const [first] = edited
  return guardRefused(
    `${names.join(', ')} ${names.length === 1 ? 'was' : 'were'} edited since the migration; nothing was rolled back`,
    [
      'put your edits aside (git stash, or a copy) and restore the migrated state, then roll back',
      ...(first?.backup ? [`the original of ${first.path} is ${journal.folder}/${first.backup}`] : []),
    ],
  )
}
