/** Compares the old module with the accelerated engine, suite by suite. */
import {randomInt} from 'node:crypto'

import type {BenchListener} from './events.ts'
import type {BenchReport, SuiteReport} from './report.ts'
import type {Suite, SuiteContext} from './suites/suite.ts'

import {createLegacyEngine} from '../engine/legacy.ts'
import {NpuBridgeError} from '../errors.ts'
import {listModels} from '../models/list.ts'
import {resolvePaths} from '../paths.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {type Bound, checkBounds, parseBounds} from './bounds.ts'
import {type Effort, FULL, QUICK} from './effort.ts'
import {acceleratedSide, legacySide, machine} from './environment.ts'
import {measureCase} from './measure.ts'
import {measureMemory} from './memory.ts'
import {metricReport} from './metric.ts'
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

/**
 * What is to be run, from what the user wrote.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that there are not, and bounds that make no sense
 */
export function planBench(asked: {
  readonly above?: readonly string[] | undefined
  readonly below?: readonly string[] | undefined
  readonly suites?: readonly string[] | undefined
}): Pick<BenchOptions, 'suites'> & {readonly bounds: readonly Bound[]} {
  const suites = chooseSuites(asked.suites ?? [])
  const below = parseBounds(asked.below ?? [], 'below', suites)
  return {bounds: [...below, ...parseBounds(asked.above ?? [], 'above', suites)], suites}
}

/**
 * Runs `suites`. A side that cannot be measured is part of the report.
 *
 * @throws {NpuBridgeError} CANCELLED when interrupted
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const startedAt = new Date()
  const seed = randomInt(2 ** 32)
  const effort = options.effort ?? (options.quick ? QUICK : FULL)
  const {warnings, ...rest} = await machine()
  await using participants = new Participants(options.openers ?? openersOf(options))
  const random = seededRandom(seed)
  const suites: SuiteReport[] = []
  for (const suite of options.suites) suites.push(await runSuite(suite, participants, effort, random, options))
  return {
    environment: {
      started_at: startedAt.toISOString(),
      seconds: (Date.now() - startedAt.getTime()) / 1000,
      ...rest,
      accelerated: await orNull(async () => acceleratedSide(await (await participants.engine()).health())),
      legacy: await orNull(async () =>
        legacySide(await participants.legacy({sleep: false}), options.legacyModule ?? null),
      ),
      settings: {quick: options.quick, rounds: effort.rounds, seed},
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
    engine: async () => openEngine(selection),
    legacy: async ({sleep}) => createLegacyEngine({module: legacyModule, sleep, restarts: 1}),
  }
}

async function runSuite(
  suite: Suite,
  participants: Participants,
  effort: Effort,
  random: Random,
  {onEvent, selection, signal}: BenchOptions,
): Promise<SuiteReport> {
  const started = performance.now()
  onEvent?.({type: 'started', suite: suite.name})
  const notes = [...suite.notes]
  const context: SuiteContext = {
    participants,
    effort,
    model: firstModel,
    measureMemory: async (request) => measureMemory({...request, selection}, signal),
    note(sentence) {
      if (!notes.includes(sentence)) notes.push(sentence)
    },
  }
  const cases = await suite.cases(context)
  const metrics: Array<SuiteReport['metrics'][number]> = []
  for (const [index, work] of cases.entries()) {
    const onProgress = (doing: string, fraction: number) => {
      onEvent?.({type: 'advanced', suite: suite.name, doing, fraction: (index + fraction) / cases.length})
    }

    const outcomes = await measureCase(work, {random, signal, onProgress})
    for (const metric of suite.metrics) {
      if (work.metrics.includes(metric.name)) metrics.push(metricReport(metric, outcomes))
    }
  }

  onEvent?.({type: 'finished', suite: suite.name, seconds: (performance.now() - started) / 1000})
  return {name: suite.name, metrics, notes}
}

/** The model to measure when none is named: a small one if it is here, else any. */
async function firstModel(): Promise<string | null> {
  const models = await listModels(resolvePaths().models)
  const usable = models.filter(({state}) => state === 'installed' || state === 'own')
  return (usable.find(({name}) => name === PREFERRED_MODEL) ?? usable[0])?.name ?? null
}

const PREFERRED_MODEL = 'silero-vad'
