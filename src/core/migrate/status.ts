import path from 'node:path'

import type {Effects} from './effects.ts'
import type {Journal} from './journal/journal.ts'
import type {LegacyModule, ScanReport, WrapperReport} from './scan/report.ts'

import {sha256} from './hash.ts'
import {isUnfinished, type JournalData} from './journal/schema.ts'
import {JournalStore} from './journal/store.ts'
import {scanTree} from './scan/scan.ts'

export type MigrationState =
  /** No legacy module and no wrapper. */
  | 'clean'
  /** A wrapper or its archive is not as it was made. */
  | 'drifted'
  /** There is a legacy module. */
  | 'legacy'
  | 'migrated'
  /** Wrappers of a gradual roll-out. */
  | 'shadow'
  /** A process was stopped in the middle. */
  | 'unfinished'

/** What `migrate --check` and `migrate status` judge by: the tree itself, so that they work in a fresh checkout. */
export function stateOf(report: ScanReport, unfinished: boolean): MigrationState {
  if (unfinished) return 'unfinished'
  if (report.modules.length > 0) return 'legacy'
  if (report.wrappers.some((wrapper) => wrapper.state === 'drifted')) return 'drifted'
  if (report.wrappers.length === 0) return 'clean'
  return report.wrappers.some((wrapper) => wrapper.strategy === 'shadow') ? 'shadow' : 'migrated'
}

export interface StatusReport {
  readonly root: string
  readonly state: MigrationState
  readonly modules: readonly LegacyModule[]
  readonly wrappers: readonly WrapperReport[]
  readonly archives: readonly string[]
  /** The latest migration in effect or unfinished; null when this checkout has none. */
  readonly migration: HistoryEntry | null
  /** Whether `migrate rollback` would go through, and if not which files were edited. */
  readonly rollback: {readonly possible: boolean; readonly edited: readonly string[]}
}

export interface HistoryEntry {
  readonly id: string
  readonly kind: JournalData['kind']
  readonly strategy: JournalData['strategy']
  readonly version: string
  readonly state: JournalData['state']
  readonly reason: string | null
  readonly history: JournalData['history']
  readonly files: ReadonlyArray<{readonly path: string; readonly role: string; readonly action: string}>
  readonly packages: readonly string[]
}

function entryOf({data}: Journal): HistoryEntry {
  const {id, kind, strategy, version, state, reason, history, steps} = data
  return {
    id,
    kind,
    strategy,
    version,
    state,
    reason,
    history,
    files: steps.flatMap((step) =>
      step.type === 'file' ? [{path: step.path, role: step.role, action: step.action}] : [],
    ),
    packages: steps.flatMap((step) =>
      step.type === 'install' ? step.packages.map(({name, version: installed}) => `${name}==${installed}`) : [],
    ),
  }
}

function editedFiles(effects: Effects, root: string, journal: Journal): string[] {
  return journal.data.steps.flatMap((step) => {
    if (step.type !== 'file' || step.state === 'pending' || step.state === 'undone') return []
    const absolute = path.join(root, step.path)
    const hash = effects.fs.stat(absolute)?.kind === 'file' ? sha256(effects.fs.readFile(absolute)) : null
    const isKnown = hash === step.after.sha256 || (step.before !== null && hash === step.before.sha256)
    return isKnown || (hash === null && step.before === null) ? [] : [step.path]
  })
}

/** How things stand with a tree. Writes nothing. */
export async function migrationStatus(effects: Effects, root: string, signal?: AbortSignal): Promise<StatusReport> {
  const store = new JournalStore(effects, root)
  const {report} = await scanTree(root, effects, {signal})
  const current = store.unfinished() ?? store.latestDone()
  const edited = current ? editedFiles(effects, root, current) : []
  return {
    root,
    state: stateOf(report, current !== null && isUnfinished(current.data.state)),
    modules: report.modules,
    wrappers: report.wrappers,
    archives: report.archives,
    migration: current ? entryOf(current) : null,
    rollback: {possible: current !== null && edited.length === 0, edited},
  }
}

export interface HistoryReport {
  readonly root: string
  /** Oldest first. */
  readonly migrations: readonly HistoryEntry[]
}

/** Every migration that this checkout has seen. */
export function migrationHistory(effects: Effects, root: string): HistoryReport {
  return {root, migrations: new JournalStore(effects, root).list().map((journal) => entryOf(journal))}
}
