/**
 * What `npubridge setup` does: finds a runtime that works, or installs the pinned one. A runtime counts as working
 * when a child process has loaded it and run a tiny model; where the native engine is missing, only its files can be
 * checked, and the result says so.
 */
import path from 'node:path'

import type {FetchOptions} from '../download/wheel.ts'
import type {MeasureSpace} from '../install/space.ts'
import type {Paths} from '../paths.ts'
import type {RunProcess} from '../process/run.ts'
import type {ChildProgram, InspectOptions} from './inspect.ts'

import {NpuBridgeError} from '../errors.ts'
import {withLock} from '../install/lock.ts'
import {withStorageErrors} from '../install/storage-error.ts'
import {type StepListener, type StepReport, Steps} from '../progress.ts'
import {
  atPlace,
  type DiscoverOptions,
  eachRuntime,
  managedRuntime,
  type RuntimeCandidate,
  type RuntimeSource,
  unusable,
} from './discover.ts'
import {checkSpace, install} from './install.ts'
import {removeSelection, writeSelection} from './selection.ts'
import {rememberReport, trustedDevices} from './trusted.ts'
import {putToTest, summarise, type Verification} from './verification.ts'
import {type Host, type RuntimeWheel, thisHost, wheelFor} from './wheel.ts'

export type SetupStep = 'download' | 'find' | 'prepare' | 'test' | 'unpack' | 'wait'

export interface SetupResult {
  /** `unchanged`: set up before · `found`: one outside the managed folder works · `recorded`: `--runtime` */
  readonly outcome: 'found' | 'installed' | 'recorded' | 'unchanged'
  readonly runtime: {readonly folder: string; readonly source: RuntimeSource; readonly version: string | null}
  readonly verification: Verification
  readonly downloadedBytes: number
  readonly installedBytes: number
  readonly seconds: number
  /** What NPUBRIDGE_RUNTIME names, when that is what will be used instead; else null. */
  readonly overriddenBy: string | null
}

export interface SetupOptions {
  readonly paths: Paths
  /** Use the runtime in this folder from now on. */
  readonly runtime?: string | undefined
  /** The folder that the configuration names: it is tested, and nothing else takes its place. */
  readonly configured?: string | undefined
  /** Install from this wheel file instead of downloading it. */
  readonly wheel?: string | undefined
  /** Install the pinned runtime anew, whatever is there. */
  readonly force?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: StepListener<SetupStep>
  readonly effects?: SetupEffects
}

/** What setup takes from the world around it; replaced in tests. */
export interface SetupEffects {
  readonly run?: RunProcess
  readonly child?: ChildProgram
  readonly host?: Host
  readonly measureSpace?: MeasureSpace
  readonly pip?: NonNullable<FetchOptions['pip']>
  readonly discover?: DiscoverOptions
  /** The wheel to install instead of the pinned one for this host. */
  readonly pinned?: RuntimeWheel
}

type Outcome = Omit<SetupResult, 'overriddenBy' | 'seconds'>

/**
 * Sets a runtime up.
 *
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when none could be had or what was named does not work,
 *   RESOURCE_EXHAUSTED and CONFIG_INVALID for disks and folders, UNSUPPORTED_OPERATION without a wheel for this machine
 *   or without pip, INVALID_ARGUMENT for a wheel file that is not the pinned one, CANCELLED
 */
export async function setupRuntime(options: SetupOptions): Promise<SetupResult> {
  const startedAt = performance.now()
  const outcome = await withStorageErrors(options.paths.runtimes, async () =>
    options.runtime === undefined ? findOrInstall(options) : record(options.runtime, options),
  )
  const named = (options.effects?.discover?.env ?? process.env).NPUBRIDGE_RUNTIME
  return {
    ...outcome,
    seconds: (performance.now() - startedAt) / 1000,
    overriddenBy: named && outcome.runtime.source !== 'environment' ? named : null,
  }
}

async function findOrInstall(options: SetupOptions): Promise<Outcome> {
  const steps = new Steps<SetupStep>(options.onEvent)
  const found = options.force ? null : await steps.run('find', async (report) => find(options, report))
  return found ?? installPinned(options, steps)
}

/** The first runtime that is there and works. With a wheel file only the managed one counts: the user wants that. */
async function find(options: SetupOptions, report: StepReport): Promise<{detail: string; value: Outcome | null}> {
  for await (const candidate of candidates(options)) {
    const tried = candidate.problem ?? (await tryOut(candidate, options))
    if (typeof tried !== 'string') {
      const value = asOutcome(candidate.source === 'managed' ? 'unchanged' : 'found', candidate, tried)
      return {detail: `OpenVINO ${candidate.version ?? ''} in ${candidate.folder}`, value}
    }

    // It was chosen by the user, so nothing else may take its place in silence.
    if (isNamed(candidate)) throw unusable({...candidate, problem: tried})
    report.note(`${candidate.folder}: ${tried}`)
  }

  return {detail: 'none that works', value: null}
}

function isNamed({source}: RuntimeCandidate): boolean {
  return source === 'environment' || source === 'explicit'
}

async function* candidates(options: SetupOptions): AsyncGenerator<RuntimeCandidate> {
  if (options.wheel === undefined) yield* eachRuntime(discovery(options))
  else yield managedRuntime(targetOf(wheelOf(options), options))
}

/** What trying the candidate out has shown, or the reason why it is not to be used. */
async function tryOut(candidate: RuntimeCandidate, options: SetupOptions): Promise<string | Verification> {
  try {
    return await verifyTrusted(candidate, options)
  } catch (error) {
    if (!(error instanceof NpuBridgeError) || error.code === 'CANCELLED') throw error
    return error.message
  }
}

/** Makes the runtime in `folder` the one that is used from now on. */
async function record(folder: string, options: SetupOptions): Promise<Outcome> {
  const steps = new Steps<SetupStep>(options.onEvent)
  const candidate = await steps.run('find', async () => {
    const named = await atPlace(folder, 'explicit')
    if (named.problem !== null) throw unusable(named)
    return {detail: `OpenVINO ${named.version ?? ''} in ${named.folder}`, value: named}
  })
  const verification = await steps.run('test', async () => {
    const value = await verifyTrusted(candidate, options)
    return {detail: summarise(value), value}
  })
  await writeSelection(options.paths.runtimes, candidate.folder)
  return asOutcome('recorded', candidate, verification)
}

/** Installs the pinned runtime; whoever had to wait for another setup takes what that one has done. */
async function installPinned(options: SetupOptions, steps: Steps<SetupStep>): Promise<Outcome> {
  const {paths, signal, effects} = options
  const wheel = wheelOf(options)
  const target = targetOf(wheel, options)
  await steps.run('prepare', async () => ({detail: await checkSpace(wheel, options), value: null}))
  const onWait = () => {
    steps.start('wait')
  }

  return withLock(target, {signal, onWait}, async (hadToWait) => {
    if (hadToWait) steps.finish('wait', '')
    const current = await managedRuntime(target)
    if (hadToWait && current.problem === null) {
      return asOutcome('unchanged', current, await verifyTrusted(current, options))
    }

    const {report, verification, downloadedBytes, installedBytes} = await install(wheel, target, {
      paths,
      signal,
      steps,
      inspection: inspectionOf(options),
      file: options.wheel,
      ...(effects?.run && {run: effects.run}),
      ...(effects?.pip && {pip: effects.pip}),
    })
    await removeSelection(paths.runtimes)
    if (report) await rememberReport(target, {...report, folder: target}, {cacheFolder: paths.cache})
    const installed = await managedRuntime(target)
    return {...asOutcome('installed', installed, verification), downloadedBytes, installedBytes}
  })
}

async function verifyTrusted({folder}: RuntimeCandidate, options: SetupOptions): Promise<Verification> {
  const {verification} = await putToTest(
    async (inspection) => trustedDevices(folder, {...inspection, cacheFolder: options.paths.cache}),
    inspectionOf(options),
  )
  return verification
}

function inspectionOf({signal, effects}: SetupOptions): InspectOptions {
  return {signal, ...(effects?.run && {run: effects.run}), ...(effects?.child && {child: effects.child})}
}

function asOutcome(
  outcome: SetupResult['outcome'],
  {folder, source, version}: RuntimeCandidate,
  verification: Verification,
): Outcome {
  return {outcome, runtime: {folder, source, version}, verification, downloadedBytes: 0, installedBytes: 0}
}

function discovery({configured, paths, effects}: SetupOptions): DiscoverOptions {
  return {explicit: configured, paths, ...(effects?.run && {run: effects.run}), ...effects?.discover}
}

function wheelOf({effects}: SetupOptions): RuntimeWheel {
  return effects?.pinned ?? wheelFor(effects?.host ?? thisHost())
}

function targetOf({version}: RuntimeWheel, {paths}: SetupOptions): string {
  return path.join(paths.runtimes, `openvino-${version}`)
}
