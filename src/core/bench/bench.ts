/** Compares the old module with the accelerated engine, or this build with another one. */
import {randomInt} from 'node:crypto'

import type {Effort} from './effort.ts'
import type {BenchListener} from './events.ts'
import type {Peer} from './peers/peer.ts'
import type {BenchReport, SuiteReport} from './report.ts'
import type {Suite, SuiteContext} from './suites/suite.ts'

import {createLegacyEngine} from '../engine/legacy.ts'
import {listModels} from '../models/list.ts'
import {resolveModel} from '../models/resolve.ts'
import {resolvePaths} from '../paths.ts'
import {runAgainst} from './against.ts'
import {type Bound, checkBounds} from './bounds.ts'
import {Calibration} from './calibration.ts'
import {compareWithBaseline, type Comparison} from './comparison.ts'
import {factsOf} from './device-facts.ts'
import {otherDevices} from './devices.ts'
import {acceleratedSide, legacySide, watchMachine} from './environment.ts'
import {measureMemory} from './memory.ts'
import {type EngineSelection, openCompat, openEngine, unstacked} from './open-engine.ts'
import {type Openers, Participants} from './participants.ts'
import {type Random, seededRandom} from './random.ts'
import {measureApart} from './remote.ts'
import {runSuite} from './run-suite.ts'
import {measureStartup} from './startup.ts'

export interface BenchOptions {
  readonly selection: EngineSelection
  /** The old module; the reference when absent. */
  readonly legacyModule?: string | undefined
  readonly suites: readonly Suite[]
  readonly effort: Effort
  readonly bounds?: readonly Bound[]
  /** The folder of another build, which then takes the place of the old module. */
  readonly against?: string | undefined
  /** An earlier report to compare with. */
  readonly baseline?: {readonly forced: boolean; readonly name: string; readonly report: BenchReport} | undefined
  /** The share by which a metric may be worse than in the comparison; null when it is not to fail. */
  readonly allowed?: number | null
  /** The model to run; one that is here when absent. */
  readonly model?: string | undefined
  /** Other programs to compare inferences with. */
  readonly peers?: readonly Peer[]
  readonly signal: AbortSignal
  readonly onEvent?: BenchListener
  /** How engines are opened; replaced in tests. */
  readonly openers?: Openers
}

/** A run in progress: what its parts share. */
interface Run {
  readonly options: BenchOptions
  readonly participants: Participants
  readonly random: Random
  readonly calibration: Calibration
}

type Outcome = Pick<BenchReport, 'interrupted' | 'suites'> & {readonly comparison: Comparison | null}

/**
 * Runs `suites`. A side that cannot be measured is part of the report, and so is what is there when it is interrupted.
 *
 * @throws {Error} what keeps another build from being run
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const startedAt = new Date()
  const seed = randomInt(2 ** 32)
  const watch = await watchMachine()
  await using participants = new Participants(options.openers ?? openersOf(options))
  const run: Run = {options, participants, random: seededRandom(seed), calibration: new Calibration()}
  run.calibration.take()
  const {comparison, interrupted, suites} = await (options.against === undefined ? withLegacy(run) : withBuild(run))
  const {warnings, ...rest} = await watch.end()
  const {effort} = options
  const report: BenchReport = {
    interrupted,
    environment: {
      started_at: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      ...rest,
      ...(await describeSides(run)),
      settings: settingsOf(effort, seed),
      calibration: run.calibration.summary,
      warnings,
    },
    suites,
    checks: checkBounds(options.bounds ?? [], suites),
    comparison,
  }
  if (options.baseline === undefined) return report
  const {report: baseline, ...rules} = options.baseline
  return {...report, comparison: compareWithBaseline(report, baseline, {...rules, allowed: options.allowed ?? null})}
}

function settingsOf(effort: Effort, seed: number): BenchReport['environment']['settings'] {
  const {concurrency, load, quick, roundMs, rounds} = effort
  return {
    quick,
    rounds,
    round_ms: roundMs,
    seed,
    concurrency,
    load: {rate: load.rate, arrivals: load.arrivals, duration_ms: load.durationMs, deadline_ms: load.deadlineMs},
  }
}

async function withLegacy(run: Run): Promise<Outcome> {
  const {calibration, options, random} = run
  const {onEvent, signal, suites: chosen} = options
  const suites: SuiteReport[] = []
  for (const [index, suite] of chosen.entries()) {
    if (signal.aborted) break
    const overall = (fraction: number) => (index + fraction) / chosen.length
    suites.push(await runSuite(suite, contextOf(run), {onEvent, overall, random, signal}))
    calibration.take()
  }

  return {comparison: null, interrupted: signal.aborted, suites}
}

async function withBuild(run: Run): Promise<Outcome> {
  const {calibration, options, random} = run
  const {allowed = null, against, effort, onEvent, selection, signal, suites} = options
  const context = contextOf(run)
  const settings = {effort, model: await context.model(), selection}
  const outcome = await runAgainst({allowed, context, folder: against!, onEvent, random, settings, signal, suites})
  calibration.take()
  return {...outcome, interrupted: signal.aborted}
}

function contextOf({options, participants}: Run): Omit<SuiteContext, 'note'> {
  const {effort, model: asked, peers = [], selection, signal} = options
  const model = async () => asked ?? firstModel()
  return {
    participants,
    effort,
    model,
    modelFile,
    otherDevices: async () => otherDevices(participants, selection.device),
    peers,
    signal,
    measureMemory: async (request) => measureMemory({...request, selection}, signal),
    async measureApart(suite, index) {
      return measureApart({effort, model: await model(), selection: unstacked(selection)}, suite, index)
    },
    measureStartup: async (startupModel) => measureStartup({model: startupModel, selection}, signal),
    deviceFacts: async () => factsOf(participants),
  }
}

function openersOf({legacyModule, selection}: BenchOptions): Openers {
  return {
    engine: async (profile, device) => openEngine(device ? {...selection, device} : selection, profile),
    legacy: async ({sleep}) => createLegacyEngine({module: legacyModule, sleep, restarts: 1}),
    compat: openCompat,
  }
}

async function describeSides({
  options,
  participants,
}: Run): Promise<Pick<BenchReport['environment'], 'accelerated' | 'legacy'>> {
  const {against, legacyModule = null} = options
  return {
    accelerated: await orNull(async () => acceleratedSide(await (await participants.engine()).health())),
    legacy:
      against === undefined
        ? await orNull(async () => legacySide(await participants.legacy({sleep: false}), legacyModule))
        : null,
  }
}

/** What cannot be opened has told so in the suites that needed it. */
async function orNull<T>(describe: () => Promise<T>): Promise<T | null> {
  try {
    return await describe()
  } catch {
    return null
  }
}

/** The model to measure when none is named: a small one if it is here, else any. */
async function firstModel(): Promise<string | null> {
  const models = await listModels(resolvePaths().models)
  const usable = models.filter(({state}) => state === 'installed' || state === 'own')
  return (usable.find(({name}) => name === PREFERRED_MODEL) ?? usable[0])?.name ?? null
}

async function modelFile(model: string): Promise<string> {
  return (await resolveModel(model, resolvePaths().models)).path
}

const PREFERRED_MODEL = 'silero-vad'
