/** Compares the old module with the accelerated engine, suite by suite. */
import {randomInt} from 'node:crypto'

import type {BenchListener} from './events.ts'
import type {BenchReport, DistributionReport, MetricReport, SuiteReport} from './report.ts'
import type {Suite, SuiteContext} from './suites/suite.ts'

import {createLegacyEngine} from '../engine/legacy.ts'
import {NpuBridgeError} from '../errors.ts'
import {listModels} from '../models/list.ts'
import {resolvePaths} from '../paths.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {type Bound, checkBounds, parseBounds} from './bounds.ts'
import {parseDuration} from './duration.ts'
import {type Effort, effortOf, type EffortOverrides, FULL, QUICK} from './effort.ts'
import {acceleratedSide, legacySide, watchMachine} from './environment.ts'
import {measureCase} from './measure.ts'
import {measureMemory} from './memory.ts'
import {distributionReports, metricReport} from './metric.ts'
import {type EngineSelection, openEngine} from './open-engine.ts'
import {type Openers, Participants} from './participants.ts'
import {type Random, seededRandom} from './random.ts'
import {SUITES} from './suites/index.ts'

export interface BenchOptions {
  readonly selection: EngineSelection
  /** The old module; the reference when absent. */
  readonly legacyModule?: string | undefined
  readonly quick: boolean
  readonly suites: readonly Suite[]
  readonly bounds?: readonly Bound[]
  readonly signal: AbortSignal
  readonly onEvent?: BenchListener
  /** How engines are opened; replaced in tests. */
  readonly openers?: Openers
  readonly effort?: Effort
  readonly overrides?: EffortOverrides
  /** The model to run; one that is here when absent. */
  readonly model?: string | undefined
}

/**
 * The suites of these names, all when there is none.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT that names what was probably meant
 */
export function chooseSuites(names: readonly string[], suites: readonly Suite[] = SUITES): readonly Suite[] {
  const known = suites.map(({name}) => name)
  for (const name of names) {
    if (known.includes(name)) continue
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is no suite ${JSON.stringify(name)}`, {
      suggestions: nameSuggestions(name, known, 'suites'),
    })
  }

  return names.length === 0 ? suites : suites.filter(({name}) => names.includes(name))
}

/** What the user may ask for, by the names of the flags. */
export interface BenchRequest {
  readonly device: EngineSelection['device']
  readonly duration?: string | undefined
  readonly engine: EngineSelection['engine']
  readonly 'fail-above'?: readonly string[] | undefined
  readonly 'fail-below'?: readonly string[] | undefined
  readonly legacy?: string | undefined
  readonly model?: string | undefined
  readonly quick: boolean
  readonly runs?: number | undefined
  readonly runtime?: string | undefined
  readonly suite?: readonly string[] | undefined
}

/**
 * What is to be run, from what the user wrote.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that there are not, and bounds and times that make no sense
 */
export function planBench(asked: BenchRequest): Omit<BenchOptions, 'onEvent' | 'signal'> {
  const {device, duration, engine, legacy, model, quick, runs, runtime} = asked
  const suites = chooseSuites(asked.suite ?? [])
  return {
    bounds: [
      ...parseBounds(asked['fail-below'] ?? [], 'below', suites),
      ...parseBounds(asked['fail-above'] ?? [], 'above', suites),
    ],
    legacyModule: legacy,
    model,
    overrides: {runs, ...(duration !== undefined && {durationMs: parseDuration(duration)})},
    quick,
    selection: {device, engine, ...(runtime && {runtime})},
    suites,
  }
}

/** Runs `suites`. A side that cannot be measured is part of the report, and so is what is there when it is interrupted. */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const startedAt = new Date()
  const seed = randomInt(2 ** 32)
  const effort = effortOf(options.effort ?? (options.quick ? QUICK : FULL), options.overrides ?? {})
  const watch = await watchMachine()
  await using participants = new Participants(options.openers ?? openersOf(options))
  const random = seededRandom(seed)
  const suites: SuiteReport[] = []
  for (const suite of options.suites) {
    if (!options.signal.aborted) suites.push(await runSuite(suite, participants, effort, random, options))
  }

  const {warnings, ...rest} = await watch.end()
  return {
    interrupted: options.signal.aborted,
    environment: {
      started_at: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      ...rest,
      accelerated: await orNull(async () => acceleratedSide(await (await participants.engine()).health())),
      legacy: await orNull(async () =>
        legacySide(await participants.legacy({sleep: false}), options.legacyModule ?? null),
      ),
      settings: {quick: options.quick, rounds: effort.rounds, round_ms: effort.roundMs, seed},
      warnings,
    },
    suites,
    checks: checkBounds(options.bounds ?? [], suites),
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

function openersOf({legacyModule, selection}: BenchOptions): Openers {
  return {
    engine: async (profile) => openEngine(selection, profile),
    legacy: async ({sleep}) => createLegacyEngine({module: legacyModule, sleep, restarts: 1}),
  }
}

async function runSuite(
  suite: Suite,
  participants: Participants,
  effort: Effort,
  random: Random,
  {model, onEvent, selection, signal}: BenchOptions,
): Promise<SuiteReport> {
  const started = performance.now()
  onEvent?.({type: 'started', suite: suite.name})
  const notes = [...suite.notes]
  const context: SuiteContext = {
    participants,
    effort,
    model: async () => model ?? firstModel(),
    measureMemory: async (request) => measureMemory({...request, selection}, signal),
    note(sentence) {
      if (!notes.includes(sentence)) notes.push(sentence)
    },
  }
  const cases = await suite.cases(context)
  const metrics: MetricReport[] = []
  const distributions: DistributionReport[] = []
  for (const [index, work] of cases.entries()) {
    if (signal.aborted) break
    const onProgress = (doing: string, fraction: number) => {
      onEvent?.({type: 'advanced', suite: suite.name, doing, fraction: (index + fraction) / cases.length})
    }

    const outcomes = await measureCase(work, {random, signal, onProgress})
    distributions.push(...distributionReports(outcomes))
    for (const metric of suite.metrics) {
      if (work.metrics.includes(metric.name)) metrics.push(metricReport(metric, outcomes))
    }
  }

  onEvent?.({type: 'finished', suite: suite.name, seconds: (performance.now() - started) / 1000})
  return {name: suite.name, metrics, distributions, notes}
}

/** The model to measure when none is named: a small one if it is here, else any. */
async function firstModel(): Promise<string | null> {
  const models = await listModels(resolvePaths().models)
  const usable = models.filter(({state}) => state === 'installed' || state === 'own')
  return (usable.find(({name}) => name === PREFERRED_MODEL) ?? usable[0])?.name ?? null
}

const PREFERRED_MODEL = 'silero-vad'
