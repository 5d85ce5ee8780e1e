import path from 'node:path'

import type {Effects} from './effects.ts'
import type {Emit} from './events.ts'
import type {InstallStep} from './journal/schema.ts'
import type {InstallRequest, MigrationPlan} from './plan/plan.ts'
import type {ScanReport} from './scan/report.ts'
import type {Session} from './session.ts'
import type {VerificationRequest} from './verify/verify.ts'
import type {Strategy} from './wrapper/header.ts'

import {NpuBridgeError} from '../errors.ts'
import {execute, type Execution, underLock} from './execute.ts'
import {JournalStore} from './journal/store.ts'
import {ownPaths} from './own-paths.ts'
import {buildPlan} from './plan/build.ts'
import {validatePlan} from './plan/validate.ts'
import {prepareInstall} from './python/install.ts'
import {inspectInterpreter} from './python/interpreter.ts'
import {recover} from './recover.ts'
import {guardRefused} from './refusals.ts'
import {scanTree} from './scan/scan.ts'
import {stateOf} from './status.ts'
import {guardVcs} from './vcs.ts'

export interface MigrateOptions {
  /** Absolute, without links. */
  readonly root: string
  readonly strategy: Strategy
  /** Of npubridge. */
  readonly version: string
  /** The interpreter to install npubridge into and to verify with; null to verify with python3 and install nothing. */
  readonly python: string | null
  /** What pip is asked for: a requirement or the path of a wheel; null for the wheel that came with npubridge. */
  readonly packageSpec: string | null
  /** The folder of the wheels that came with npubridge, absolute. */
  readonly wheels: string
  /** The user's own check, one line for the shell; null for none. */
  readonly verifyCommand: string | null
  readonly allowDirty: boolean
  readonly allowNoVcs: boolean
  /** Plan only. */
  readonly dryRun: boolean
  /** Asked before anything changes. */
  readonly confirm: (offer: MigrateOffer) => Promise<boolean>
  readonly signal?: AbortSignal | undefined
}

/** What the user is asked to agree to. */
export type MigrateOffer =
  | {readonly kind: 'apply'; readonly plan: MigrationPlan; readonly scan: ScanReport}
  | {readonly kind: 'recover'; readonly id: string}

export type MigrateStatus = 'already-migrated' | 'declined' | 'migrated' | 'nothing-to-do' | 'planned' | 'rolled-back'

export interface MigrateReport {
  readonly root: string
  readonly status: MigrateStatus
  /** Null when the run ended an earlier migration. */
  readonly scan: ScanReport | null
  readonly plan: MigrationPlan | null
  /** Null when nothing was begun. */
  readonly execution: Execution | null
}

/** The file that a wheel's path names, so that it is found from whatever folder a later run starts in. */
function absoluteSpec(effects: Effects, spec: string): string {
  const absolute = path.resolve(spec)
  return spec.endsWith('.whl') && effects.fs.stat(absolute) ? absolute : spec
}

export function installRequest(effects: Effects, options: MigrateOptions): InstallRequest | null {
  const {python, packageSpec, version, wheels} = options
  if (python === null) return null
  return packageSpec === null
    ? {python, spec: `npubridge==${version}`, wheels}
    : {python, spec: absoluteSpec(effects, packageSpec), wheels: null}
}

/** `python3`, or what is called `python` where there is no such program. */
async function verifyingPython(effects: Effects, options: MigrateOptions): Promise<string> {
  if (options.python !== null) return (await inspectInterpreter(effects, options.python, options.signal)).executable
  try {
    return (await inspectInterpreter(effects, 'python3', options.signal)).executable
  } catch (error) {
    options.signal?.throwIfAborted()
    const {exitCode} = await effects.processes.run('python', ['--version'])
    if (exitCode === 0) return (await inspectInterpreter(effects, 'python', options.signal)).executable
    throw error
  }
}

function refuseBlocked(plan: MigrationPlan): void {
  if (plan.blockers.length === 0) return
  throw guardRefused(
    plan.blockers.map(({path: file, problem}) => `${file} ${problem}`).join('; '),
    plan.blockers.map(({advice}) => advice),
  )
}

/** For a dry run, which refuses nothing: what a real run would refuse to install is in the way like anything else. */
export async function withInstallBlocker(
  effects: Effects,
  plan: MigrationPlan,
  signal?: AbortSignal,
): Promise<MigrationPlan> {
  if (plan.install === null) return plan
  try {
    await prepareInstall(effects, plan.install, signal)
    return plan
  } catch (error) {
    if (signal?.aborted || !(error instanceof NpuBridgeError)) throw error
    const blocker = {
      path: plan.install.python,
      problem: `cannot get npubridge: ${error.message}`,
      advice: error.suggestions.join('; '),
    }
    return {...plan, blockers: [...plan.blockers, blocker]}
  }
}

/** Nothing to replace: what that means depends on what stands in its place. */
function reportWithoutModules(root: string, scan: ScanReport): MigrateReport {
  const state = stateOf(scan, false)
  if (state === 'drifted') {
    const drifted = scan.wrappers.filter((wrapper) => wrapper.state === 'drifted')
    throw new NpuBridgeError(
      'CONFIG_INVALID',
      drifted.map((wrapper) => `${wrapper.path} was migrated, but ${wrapper.problem}`).join('; '),
      {suggestions: [`git -C "${root}" checkout -- ${drifted.map((wrapper) => `"${wrapper.path}"`).join(' ')}`]},
    )
  }

  const status = state === 'clean' ? 'nothing-to-do' : 'already-migrated'
  return {root, status, scan, plan: null, execution: null}
}

/**
 * Moves a code base over: scan, plan, guards, consent, apply, verify. What an earlier run left unfinished is ended first.
 *
 * @throws {NpuBridgeError} with exit code 4 when a guard refuses; with any other code after everything was taken back.
 */
export async function migrate(effects: Effects, options: MigrateOptions, emit: Emit): Promise<MigrateReport> {
  const {root, signal} = options
  const session: Session = {effects, store: new JournalStore(effects, root), emit, signal}
  const unfinished = session.store.unfinished()
  if (unfinished && !options.dryRun) {
    const ended = await endUnfinished(session, unfinished.id, options)
    if (ended) return ended
  }

  emit({type: 'phase', phase: 'scan', state: 'started'})
  const scan = await scanTree(root, effects, {
    signal,
    onProgress(done) {
      emit({type: 'progress', phase: 'scan', done, total: null})
    },
  })
  emit({type: 'phase', phase: 'scan', state: 'done'})
  if (scan.modules.size === 0) return reportWithoutModules(root, scan.report)

  const install = installRequest(effects, options)
  const {strategy, version} = options
  emit({type: 'phase', phase: 'plan', state: 'started'})
  const built = buildPlan(scan, effects, {kind: 'migrate', strategy, version, install})
  if (options.dryRun) {
    emit({type: 'phase', phase: 'plan', state: 'done'})
    const pending = unfinished ? [`migration ${unfinished.id} is unfinished: a real run ends it first`] : []
    const plan = await withInstallBlocker(effects, {...built, warnings: [...pending, ...built.warnings]}, signal)
    return {root, status: 'planned', scan: scan.report, plan, execution: null}
  }

  return carryOut(session, built, scan.report, options)
}

/** Ends a migration that was killed; null when it was taken back and a new one may begin. */
async function endUnfinished(session: Session, id: string, options: MigrateOptions): Promise<MigrateReport | null> {
  const nothing = {root: options.root, scan: null, plan: null}
  if (!(await options.confirm({kind: 'recover', id}))) return {...nothing, status: 'declined', execution: null}
  const execution = await underLock(session, async () => {
    const journal = session.store.unfinished()
    return journal ? recover(session, journal) : null
  })
  return execution ? {...nothing, status: execution.status, execution} : null
}

/** From the plan on, for `migrate` and `promote` alike. */
export async function carryOut(
  session: Session,
  built: MigrationPlan,
  scan: ScanReport,
  options: MigrateOptions,
): Promise<MigrateReport> {
  const {effects, store, emit, signal} = session
  const {root} = options
  refuseBlocked(built)
  const {allowDirty, allowNoVcs} = options
  await guardVcs(effects, root, {allowDirty, allowNoVcs, isOwn: ownPaths(effects, store), signal})
  const python = await verifyingPython(effects, options)
  const plan = await validatePlan(effects, python, built, signal)
  const install: InstallStep | null = plan.install ? await prepareInstall(effects, plan.install, signal) : null
  emit({type: 'phase', phase: 'plan', state: 'done'})
  if (!(await options.confirm({kind: 'apply', plan, scan})))
    return {root, status: 'declined', scan, plan, execution: null}
  const verification: VerificationRequest = {
    python,
    command: options.verifyCommand,
    importers: scan.importers.map((importer) => importer.path),
    requireNpubridge: options.python !== null,
  }
  const execution = await execute(session, {plan, install, verification})
  return {root, status: execution.status, scan, plan, execution}
}
