import type {Effects} from './effects.ts'
import type {ScanReport} from './scan/report.ts'

import {JournalStore} from './journal/store.ts'
import {scanTree} from './scan/scan.ts'
import {type MigrationState, stateOf} from './status.ts'

export interface CheckReport {
  readonly root: string
  readonly state: MigrationState
  /** Whether a build may go on: no legacy code, and every wrapper as it was made. */
  readonly ok: boolean
  /** One line each, naming the file. */
  readonly findings: readonly string[]
  readonly scan: ScanReport
}

/** For continuous integration: judges the tree as it is, needs no journal, writes nothing. */
export async function checkTree(effects: Effects, root: string, signal?: AbortSignal): Promise<CheckReport> {
  const {report: scan} = await scanTree(root, effects, {signal})
  const unfinished = new JournalStore(effects, root).unfinished()
  const findings = [
    ...(unfinished ? [`migration ${unfinished.id} is unfinished`] : []),
    ...scan.modules.map((module) => `${module.path} is the legacy module (${module.generation})`),
    ...scan.wrappers.flatMap((wrapper) => (wrapper.problem ? [`${wrapper.path}: ${wrapper.problem}`] : [])),
  ]
  return {root, state: stateOf(scan, unfinished !== null), ok: findings.length === 0, findings, scan}
}
