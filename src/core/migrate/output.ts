import type {FileSystem} from './effects.ts'
import type {MigrateReport, MigrateStatus} from './migrate.ts'
import type {FileState, MigrationPlan, Role} from './plan/plan.ts'
import type {ScanReport} from './scan/report.ts'
import type {WrapperActivity} from './verify/checks.ts'
import type {Verification} from './verify/verify.ts'

import {planDiffs} from './plan/diff.ts'

/** A planned file without its content, which `--diff` shows. */
export interface PlannedFileOutput {
  readonly role: Role
  readonly action: 'create' | 'replace'
  readonly path: string
  readonly before: FileState | null
  readonly after: FileState
  /** In the form that `git apply` takes; null unless asked for. */
  readonly diff: string | null
}

export interface PlanOutput extends Omit<MigrationPlan, 'files' | 'root' | 'version'> {
  readonly files: readonly PlannedFileOutput[]
}

/** What `migrate --json` and `migrate promote --json` print. */
export interface MigrateOutput {
  readonly version: string
  readonly root: string
  readonly status: MigrateStatus
  /** Of the journal; null when nothing was begun. */
  readonly id: string | null
  readonly scan: ScanReport | null
  readonly plan: PlanOutput | null
  readonly verification: Verification | null
  /** What each wrapper runs on in the Python that verified. */
  readonly wrappers: readonly WrapperActivity[]
  /** The command that takes it back; null when there is nothing to take back. */
  readonly undo: string | null
}

export function planOutput(plan: MigrationPlan, fs: FileSystem, withDiff: boolean): PlanOutput {
  const diffs = withDiff ? planDiffs(plan, fs) : null
  const {kind, strategy, folders, modules, rewrites, left, names, warnings, blockers, install} = plan
  const files = plan.files.map(({role, action, path, before, after}) => ({
    role,
    action,
    path,
    before,
    after,
    diff: diffs?.get(path) ?? null,
  }))
  return {kind, strategy, folders, files, modules, rewrites, left, names, warnings, blockers, install}
}

export function migrateOutput(
  report: MigrateReport,
  fs: FileSystem,
  options: {readonly version: string; readonly diff: boolean},
): MigrateOutput {
  const {root, status, scan, plan, execution} = report
  // Once applied, the tree is no longer what the plan's differences are against.
  const withDiff = options.diff && status === 'planned'
  return {
    version: options.version,
    root,
    status,
    id: execution?.id ?? null,
    scan,
    plan: plan ? planOutput(plan, fs, withDiff) : null,
    verification: execution?.verification ?? null,
    wrappers: execution?.wrappers ?? [],
    undo: status === 'migrated' ? `npubridge migrate rollback "${root}"` : null,
  }
}
