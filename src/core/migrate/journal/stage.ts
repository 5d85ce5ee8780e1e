import type {Buffer} from 'node:buffer'

import path from 'node:path'

import type {Effects, FileAttributes, FileSystem} from '../effects.ts'
import type {FileState, MigrationPlan, PlannedFile} from '../plan/plan.ts'
import type {Journal} from './journal.ts'

import {NpuBridgeError} from '../../errors.ts'
import {sha256} from '../hash.ts'
import {fileSystemError, guardRefused} from '../refusals.ts'
import {type FileStep, type InstallStep, JOURNAL_FORMAT, type JournalData, type Step} from './schema.ts'
import {type JournalStore, migrationId} from './store.ts'

/** Mode and owner as a file has to have them. */
export function attributesOf(state: FileState): FileAttributes {
  return {mode: state.mode, ...(!(state.uid === null || state.gid === null) && {uid: state.uid, gid: state.gid})}
}

export interface StageRequest {
  readonly plan: MigrationPlan
  readonly install: InstallStep | null
  readonly verification: JournalData['verification']
}

/** Every step in the order of doing: archive first, wrappers last, so that the old module works until the very end. */
function stepsOf(plan: MigrationPlan, install: InstallStep | null): Step[] {
  const files = plan.files.map((file, index) => fileStep(file, index))
  const isArchive = (step: FileStep) => step.role !== 'call-site' && step.role !== 'wrapper'
  return [
    ...plan.folders.map((folder): Step => ({type: 'folder', path: folder, state: 'pending'})),
    ...files.filter((step) => isArchive(step)),
    ...(install ? [install] : []),
    ...files.filter((step) => !isArchive(step)),
  ]
}

function fileStep(file: PlannedFile, index: number): FileStep {
  const number = String(index).padStart(4, '0')
  return {
    type: 'file',
    role: file.role,
    action: file.action,
    path: file.path,
    before: file.before,
    after: file.after,
    staged: `new-${number}`,
    backup: file.before ? `old-${number}` : null,
    state: 'pending',
  }
}

/** The file as the plan saw it; a plan that was overtaken by an edit is not carried out. */
function readUnchanged(fs: FileSystem, root: string, file: PlannedFile): Buffer {
  const absolute = path.join(root, file.path)
  const stat = fs.stat(absolute)
  const content = stat?.kind === 'file' ? fs.readFile(absolute) : null
  if (!content || sha256(content) !== file.before!.sha256)
    throw guardRefused(`${file.path} was changed while the migration was being planned; nothing was done`, [
      'run the same command again',
    ])
  return content
}

function writeStaged(fs: FileSystem, plan: MigrationPlan, folder: string): void {
  for (const [index, file] of plan.files.entries()) {
    const step = fileStep(file, index)
    if (file.before && step.backup)
      fs.createFile(path.join(folder, step.backup), readUnchanged(fs, plan.root, file), attributesOf(file.before))
    else if (fs.stat(path.join(plan.root, file.path)))
      throw guardRefused(`${file.path} appeared while the migration was being planned; nothing was done`, [
        'run the same command again',
      ])
    fs.createFile(path.join(folder, step.staged), file.content, attributesOf(file.after))
  }

  fs.syncFolder(folder)
}

/**
 * Writes everything that the migration needs beside the tree: new contents, copies of the old ones, and last the journal.
 * From here on no step needs space on the disk, and nothing in the tree has changed yet.
 *
 * @throws {NpuBridgeError} when anything fails; what was written is removed again.
 */
export function stage(effects: Effects, store: JournalStore, request: StageRequest): Journal {
  const {plan} = request
  const now = effects.clock.now().toISOString()
  const journal = store.journal({
    format: JOURNAL_FORMAT,
    id: migrationId(effects.clock),
    kind: plan.kind,
    strategy: plan.strategy,
    version: plan.version,
    state: 'applying',
    history: [{state: 'applying', at: now}],
    reason: null,
    steps: stepsOf(plan, request.install),
    verification: request.verification,
  })
  try {
    effects.fs.makeFolder(journal.folder)
    writeStaged(effects.fs, plan, journal.folder)
    effects.fs.syncFolder(store.migrations)
    journal.create()
    return journal
  } catch (error) {
    discard(effects.fs, store, journal)
    if (error instanceof NpuBridgeError) throw error
    throw fileSystemError(error, 'preparing the migration', 'Nothing in the tree was changed.')
  }
}

/** Best effort: what stays behind is swept at the next start. */
function discard(fs: FileSystem, store: JournalStore, journal: Journal): void {
  try {
    journal.discard()
    if (fs.stat(journal.folder)) store.removeFolder(journal.folder)
  } catch {
    // The reason why staging failed is what matters; the next start sweeps.
  }
}
