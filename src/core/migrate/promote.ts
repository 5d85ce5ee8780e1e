import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import type {Session} from './session.ts'

import {NpuBridgeError} from '../errors.ts'
import {JournalStore} from './journal/store.ts'
import {carryOut, installRequest, type MigrateOptions, type MigrateReport, withInstallBlocker} from './migrate.ts'
import {buildPlan} from './plan/build.ts'
import {guardRefused} from './refusals.ts'
import {scanTree} from './scan/scan.ts'

/**
 * Finishes a gradual roll-out: the wrappers that ran the original are replaced by those that run npubridge, and callers
 * that would break are rewritten. A migration of its own, with a journal and a rollback of its own.
 *
 * @throws {NpuBridgeError} as `migrate` does.
 */
export async function promote(effects: Effects, options: MigrateOptions, emit: Emit): Promise<MigrateReport> {
  const {root, signal, version} = options
  const session: Session = {effects, store: new JournalStore(effects, root), emit, signal}
  const unfinished = session.store.unfinished()
  if (unfinished)
    throw guardRefused(`migration ${unfinished.id} is unfinished`, [
      `end it: npubridge migrate "${root}"`,
      `or take it back: npubridge migrate rollback "${root}"`,
    ])
  emit({type: 'phase', phase: 'scan', state: 'started'})
  const scan = await scanTree(root, effects, {signal, throughShadows: true})
  emit({type: 'phase', phase: 'scan', state: 'done'})
  const drifted = scan.report.wrappers.filter(({state, strategy}) => state === 'drifted' && strategy === 'shadow')
  if (drifted.length > 0)
    throw new NpuBridgeError('CONFIG_INVALID', drifted.map(({path, problem}) => `${path}: ${problem}`).join('; '), {
      suggestions: [`git -C "${root}" checkout -- ${drifted.map(({path}) => `"${path}"`).join(' ')}`],
    })
  emit({type: 'phase', phase: 'plan', state: 'started'})
  const install = installRequest(effects, options)
  const plan = buildPlan(scan, effects, {kind: 'promote', strategy: 'replace', version, install})
  const nothing = {root, scan: scan.report, execution: null}
  if (plan.modules.length === 0)
    return {...nothing, status: scan.report.wrappers.length > 0 ? 'already-migrated' : 'nothing-to-do', plan: null}
  if (options.dryRun) {
    emit({type: 'phase', phase: 'plan', state: 'done'})
    return {...nothing, status: 'planned', plan: await withInstallBlocker(effects, plan, signal)}
  }

  return carryOut(session, plan, scan.report, options)
}
