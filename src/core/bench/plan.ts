/** What is to be measured, from what the user wrote. */
import type {BenchOptions} from './bench.ts'
import type {EngineSelection} from './open-engine.ts'
import type {Suite} from './suites/suite.ts'

import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {baselineFile, parseShare, readBaseline} from './baseline.ts'
import {parseBounds} from './bounds.ts'
import {parseDuration} from './duration.ts'
import {effortOf, FULL, QUICK} from './effort.ts'
import {workerProgram} from './remote.ts'
import {SUITES} from './suites/index.ts'

/** By the names of the flags. */
export interface BenchRequest {
  readonly against?: string | undefined
  readonly baseline?: string | undefined
  readonly device: EngineSelection['device']
  readonly duration?: string | undefined
  readonly engine: EngineSelection['engine']
  readonly 'fail-above'?: readonly string[] | undefined
  readonly 'fail-below'?: readonly string[] | undefined
  readonly 'fail-on-regression'?: string | undefined
  readonly 'force-baseline': boolean
  readonly legacy?: string | undefined
  readonly model?: string | undefined
  readonly quick: boolean
  readonly runs?: number | undefined
  readonly runtime?: string | undefined
  readonly 'save-baseline'?: string | undefined
  readonly suite?: readonly string[] | undefined
}

export type BenchPlan = Omit<BenchOptions, 'onEvent' | 'signal'>

/**
 * Reads what was asked for, and finds out whether it can be done.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that there are not, values that make no sense, and a baseline or
 *   another build that is not there
 */
export async function planBench(asked: BenchRequest): Promise<BenchPlan> {
  const {device, duration, engine, legacy, model, quick, runs, runtime} = asked
  const suites = chooseSuites(asked.suite ?? [])
  const durationMs = duration === undefined ? undefined : parseDuration(duration)
  if (asked['save-baseline'] !== undefined) baselineFile(asked['save-baseline'])
  if (asked.against !== undefined) await workerProgram(asked.against)
  return {
    bounds: [
      ...parseBounds(asked['fail-below'] ?? [], 'below', suites),
      ...parseBounds(asked['fail-above'] ?? [], 'above', suites),
    ],
    effort: effortOf(quick ? QUICK : FULL, {durationMs, runs}),
    legacyModule: legacy,
    model,
    selection: {device, engine, ...(runtime && {runtime})},
    suites,
    ...(await comparisonOf(asked)),
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
