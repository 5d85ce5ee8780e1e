/** What is to be measured, from what the user wrote. */
import type {Arrivals} from './arrivals.ts'
import type {BenchOptions} from './bench.ts'
import type {EngineSelection} from './open-engine.ts'
import type {Peer} from './peers/peer.ts'
import type {Suite} from './suites/suite.ts'

import {deviceOf} from '../config/engine-settings.ts'
import {resolveConfig} from '../config/resolve.ts'
import {requireLegacyModule} from '../engine/legacy.ts'
import {NpuBridgeError} from '../errors.ts'
import {resolveModel} from '../models/resolve.ts'
import {resolvePaths} from '../paths.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {baselineFile, parseShare, readBaseline} from './baseline.ts'
import {parseBounds} from './bounds.ts'
import {parseDuration} from './duration.ts'
import {type Effort, effortOf, FULL, QUICK} from './effort.ts'
import {PEERS} from './peers/index.ts'
import {workerProgram} from './remote.ts'
import {SUITES} from './suites/index.ts'

/** By the names of the flags. */
export interface BenchRequest {
  readonly against?: string | undefined
  readonly arrivals?: Arrivals | undefined
  readonly baseline?: string | undefined
  readonly concurrency?: number | undefined
  readonly config?: string | undefined
  readonly deadline?: string | undefined
  readonly device?: EngineSelection['device'] | undefined
  readonly duration?: string | undefined
  readonly engine?: EngineSelection['engine'] | undefined
  readonly 'fail-above'?: readonly string[] | undefined
  readonly 'fail-below'?: readonly string[] | undefined
  readonly 'fail-on-regression'?: string | undefined
  readonly 'force-baseline': boolean
  readonly legacy?: string | undefined
  readonly model?: string | undefined
  readonly peer?: readonly string[] | undefined
  readonly profile?: string | undefined
  readonly quick: boolean
  readonly rate?: number | undefined
  readonly runs?: number | undefined
  readonly runtime?: string | undefined
  readonly 'save-baseline'?: string | undefined
  readonly suite?: readonly string[] | undefined
}

export type BenchPlan = Omit<BenchOptions, 'onEvent' | 'signal'>

/**
 * Reads what was asked for, and finds out whether it can be done.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that there are not, values that make no sense, and a baseline,
 *   another build or an old module that is not there; MODEL_NOT_FOUND and MODEL_INVALID for a model
 */
export async function planBench(asked: BenchRequest): Promise<BenchPlan> {
  const {legacy, model} = asked
  const suites = chooseSuites(asked.suite ?? [])
  if (asked['save-baseline'] !== undefined) baselineFile(asked['save-baseline'])
  if (asked.against !== undefined) await workerProgram(asked.against)
  if (legacy !== undefined) await requireLegacyModule(legacy)
  if (model !== undefined) await resolveModel(model, resolvePaths().models)
  return {
    bounds: [
      ...parseBounds(asked['fail-below'] ?? [], 'below', suites),
      ...parseBounds(asked['fail-above'] ?? [], 'above', suites),
    ],
    effort: effortFor(asked),
    legacyModule: legacy,
    model,
    peers: choosePeers(asked.peer ?? []),
    selection: await selectionFor(asked),
    suites,
    ...(await comparisonOf(asked)),
  }
}

/** What runs on the accelerated side, by flags, variables and the project's configuration. */
async function selectionFor({config: file, device, engine, profile, runtime}: BenchRequest): Promise<EngineSelection> {
  const {config} = await resolveConfig({file, flags: {device, engine, profile, runtime}})
  const {engine: kind = 'auto', runtime: folder} = config
  return {
    config,
    device: deviceOf(config),
    // The old module is a side of its own.
    engine: kind === 'legacy' ? 'auto' : kind,
    ...(config.profile && {profile: config.profile}),
    ...(folder && {runtime: folder}),
  }
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

/** The peers of these names; the names have been checked where they were read. */
function choosePeers(names: readonly string[]): readonly Peer[] {
  return PEERS.filter(({name}) => names.includes(name))
}

function effortFor({arrivals, concurrency, deadline, duration, quick, rate, runs}: BenchRequest): Effort {
  const [durationMs, deadlineMs] = [duration, deadline].map((text) =>
    text === undefined ? undefined : parseDuration(text),
  )
  return effortOf(quick ? QUICK : FULL, {arrivals, concurrency, deadlineMs, durationMs, rate, runs})
}

async function comparisonOf(asked: BenchRequest): Promise<Pick<BenchPlan, 'against' | 'allowed' | 'baseline'>> {
  const {against, baseline: name, 'fail-on-regression': share, 'force-baseline': forced} = asked
  if (share !== undefined && against === undefined && name === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', '--fail-on-regression has nothing to compare with', {
      suggestions: ['--baseline NAME', '--against DIR'],
    })
  }

  return {
    against,
    allowed: share === undefined ? null : parseShare(share),
    baseline: name === undefined ? undefined : {name, forced, report: await readBaseline(name)},
  }
}
