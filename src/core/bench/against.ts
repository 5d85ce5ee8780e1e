/**
 * Compares this build with another one, both measured in turns on this machine. Two processes that run the same code
 * still differ by a few percent for as long as they live, by how their memory came to lie; so both are started anew
 * for each of several blocks, and it is the blocks that are compared.
 */
import {median, quantile} from 'simple-statistics'

import type {Effort} from './effort.ts'
import type {BenchListener} from './events.ts'
import type {Random} from './random.ts'
import type {SuiteReport} from './report.ts'
import type {Case, Suite, SuiteContext} from './suites/suite.ts'

import {compareMetric, type Comparison, type MetricChange, type Samples} from './comparison.ts'
import {measureCase, type Measured, type Outcome} from './measure.ts'
import {distributionReports, metricReport} from './metric.ts'
import {pairedPermutation} from './paired-permutation.ts'
import {RemoteSide, workerProgram, type WorkerSettings} from './remote.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP, OTHER_BUILD} from './sides.ts'

/** More than the fewest of which all on one side are significant, so that one of them may be disturbed. */
const LEAST_BLOCKS = 10
/** Of a block, where a round is short: some of them may be disturbed. */
const ROUNDS_OF_A_BLOCK = {full: 6, quick: 3} as const
/** What a side does of a round at a time, so that both meet what else a machine does for some tenths of a second. */
const TURN_MS = 10
/** The share of a block's figures that the rest is not looked at for; of fewer than twenty, the best one. */
const BEST = 0.05
const LEFT_OUT = {
  absent: {status: 'not_run', reason: 'left out: the comparison is with another build'},
} as const satisfies Outcome

export interface AgainstOptions {
  /** The folder of the other build. */
  readonly folder: string
  readonly suites: readonly Suite[]
  readonly context: Omit<SuiteContext, 'note'>
  readonly settings: WorkerSettings
  readonly allowed: number | null
  readonly random: Random
  readonly signal: AbortSignal
  readonly onEvent?: BenchListener | undefined
}

interface Plan {
  readonly suite: Suite
  readonly cases: readonly Case[]
}

/** Outcomes of all blocks, by suite and number of the case. */
type Blocks = Map<string, Array<Record<string, Outcome>>>

/** @throws {Error} INVALID_ARGUMENT when there is no other build; what keeps an engine from being opened */
export async function runAgainst(options: AgainstOptions): Promise<{comparison: Comparison; suites: SuiteReport[]}> {
  const programs = {[OTHER_BUILD]: await workerProgram(options.folder), [ACCELERATED]: await workerProgram()}
  const plans = await Promise.all(
    options.suites.map(async (suite) => ({suite, cases: await suite.cases({...options.context, note() {}})})),
  )
  const blocks: Blocks = new Map()
  const count = blocksOf(options.settings.effort)
  for (let block = 0; block < count && !options.signal.aborted; block++) {
    await measureBlock(block, plans, programs, blocks, options)
  }

  return {
    suites: plans.map((plan) => suiteReport(plan, blocks)),
    comparison: {
      ...compareBlocks(plans, blocks, options),
      kind: 'against',
      name: options.folder,
      started_at: null,
      test: 'paired-permutation',
      drift: 1,
      differences: [],
      allowed: options.allowed,
    },
  }
}

async function measureBlock(
  block: number,
  plans: readonly Plan[],
  programs: Readonly<Record<string, string>>,
  blocks: Blocks,
  {onEvent, random, settings, signal}: AgainstOptions,
): Promise<void> {
  await using workers = new Workers()
  for (const [side, program] of Object.entries(programs)) await workers.open(side, program, settings)
  for (const [at, {cases, suite}] of plans.entries()) {
    onEvent?.({type: 'started', suite: suite.name})
    for (const [index, work] of cases.entries()) {
      const turns = work.divisible ? Math.max(1, Math.floor(settings.effort.roundMs / TURN_MS)) : 1
      const sides = workers.sides(suite.name, index, 1 / turns)
      const rounds = turns * roundsOf(work, settings.effort)
      const onProgress = (doing: string, fraction: number) => {
        const done = (at + (index + fraction) / cases.length) / plans.length
        onEvent?.({
          type: 'advanced',
          suite: suite.name,
          doing,
          overall: (block + done) / blocksOf(settings.effort),
          fraction,
        })
      }

      const outcomes = await measureCase({...work, rounds, sides}, {random, signal, onProgress})
      const key = `${suite.name}.${index}`
      blocks.set(key, [...(blocks.get(key) ?? []), outcomes])
    }
  }
}

/** Fewer of what takes long, as without blocks. */
function roundsOf(work: Case, {quick, rounds}: Effort): number {
  const most = ROUNDS_OF_A_BLOCK[quick ? 'quick' : 'full']
  return Math.max(1, Math.round((most * work.rounds) / rounds))
}

/** What differs is the processes, so it is more of them that tell more. */
function blocksOf({rounds}: Effort): number {
  return Math.max(LEAST_BLOCKS, rounds)
}

class Workers implements AsyncDisposable {
  readonly #sides = new Map<string, RemoteSide>()

  async open(side: string, program: string, settings: WorkerSettings): Promise<void> {
    this.#sides.set(side, await RemoteSide.open(program, settings))
  }

  /** The sides of case number `index`, which do `share` of a round at a time. */
  sides(suite: string, index: number, share: number): Case['sides'] {
    return Object.fromEntries(
      [...this.#sides].map(([name, remote]) => {
        const side = remote.side(suite, index)
        return [name, {...side, measure: async () => side.measure(share)}]
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sides.values()].map(async (side) => side[Symbol.asyncDispose]()))
  }
}

function suiteReport({cases, suite}: Plan, blocks: Blocks): SuiteReport {
  const merged = cases.map((_, index) => mergedOutcomes(blocks.get(`${suite.name}.${index}`) ?? []))
  return {
    name: suite.name,
    metrics: suite.metrics.flatMap((metric) => {
      const index = cases.findIndex(({metrics}) => metrics.includes(metric.name))
      return index === -1 ? [] : metricReport(metric, merged[index]!)
    }),
    distributions: merged.flatMap(distributionReports),
    series: [],
    notes: [
      `Both builds are measured in processes of their own, which are started anew for each of ${blocks.get(`${suite.name}.0`)?.length ?? 0} blocks.`,
      ...suite.notes,
    ],
  }
}

/** The samples of all blocks together; a side that was absent from one of them is absent. */
function mergedOutcomes(blocks: ReadonlyArray<Record<string, Outcome>>): Record<string, Outcome> {
  const merged: Record<string, Outcome> = {[LEGACY_AS_SHIPPED]: LEFT_OUT, [LEGACY_WITHOUT_SLEEP]: LEFT_OUT}
  for (const side of [OTHER_BUILD, ACCELERATED]) {
    const outcomes = blocks.map((outcome) => outcome[side]!)
    const absent = outcomes.find((outcome) => 'absent' in outcome)
    merged[side] = absent ?? together(outcomes.filter((outcome) => 'samples' in outcome))
  }

  return merged
}

function together(outcomes: readonly Measured[]): Measured {
  const metrics = new Set(outcomes.flatMap(({samples}) => Object.keys(samples)))
  const samples = [...metrics].map(
    (metric) => [metric, outcomes.flatMap((outcome) => outcome.samples[metric] ?? [])] as const,
  )
  const last = outcomes.at(-1)
  return {
    samples: Object.fromEntries(samples),
    stretches: {},
    distributions: last?.distributions ?? {},
    series: {},
    lacks: last?.lacks ?? {},
  }
}

function compareBlocks(
  plans: readonly Plan[],
  blocks: Blocks,
  {allowed, random}: AgainstOptions,
): Pick<Comparison, 'failed' | 'metrics'> {
  const metrics = plans.flatMap(({cases, suite}) =>
    suite.metrics.flatMap((metric) => {
      const index = cases.findIndex((each) => each.metrics.includes(metric.name))
      const outcomes = blocks.get(`${suite.name}.${index}`) ?? []
      const [before, now] = [OTHER_BUILD, ACCELERATED].map((side) => mediansOf(outcomes, side, metric.name))
      if (before!.length === 0 && now!.length === 0) return []
      const samples = {...metric, metric: `${suite.name}.${metric.name}`, before: before!, now: now!}
      return changeOf(samples, pairsOf(outcomes, metric.name), {allowed, random})
    }),
  )
  return {metrics, failed: metrics.some(({regression}) => regression)}
}

/**
 * The samples of both sides in each block, of stretches where both have them, else of rounds; a block that one of them
 * has no figures of is left out.
 */
function pairsOf(blocks: ReadonlyArray<Record<string, Outcome>>, metric: string): Pair[] {
  const pairOf = (kind: 'samples' | 'stretches', outcomes: Record<string, Outcome>) => {
    const [before, now] = [OTHER_BUILD, ACCELERATED].map((side) => figuresOf(outcomes[side], kind, metric))
    return {before: before!, now: now!}
  }

  const isWhole = ({before, now}: Pair) => before.length > 0 && now.length > 0
  return blocks.flatMap((outcomes) => {
    const stretches = pairOf('stretches', outcomes)
    const rounds = pairOf('samples', outcomes)
    if (!isWhole(rounds) || rounds.before.length !== rounds.now.length) return []
    return isWhole(stretches) ? stretches : rounds
  })
}

interface Pair {
  readonly before: readonly number[]
  readonly now: readonly number[]
}

/**
 * By the quotients of what each side did best in each block, or by their differences where figures are not above zero.
 * Whatever else a machine does makes figures worse and none better, so the best of them are the least disturbed.
 */
function changeOf(
  samples: Samples,
  pairs: readonly Pair[],
  {allowed, random}: Pick<AgainstOptions, 'allowed' | 'random'>,
): MetricChange {
  if (pairs.length === 0) return compareMetric(samples, {allowed, drift: 1, test: null})
  const {better} = samples
  const positive = pairs.flatMap(({before, now}) => [...before, ...now]).every((value) => value > 0)
  const figureOf = (values: readonly number[]) => {
    const best = quantile([...values], better === 'higher' ? 1 - BEST : BEST)
    return positive ? Math.log(best) : best
  }

  const test = pairedPermutation(
    pairs.map(({before, now}) => [figureOf(before), figureOf(now)] as const),
    better,
    random,
  )
  const change = positive ? Math.exp(test.difference) - 1 : undefined
  return compareMetric(samples, {allowed, drift: 1, test, change})
}

function mediansOf(blocks: ReadonlyArray<Record<string, Outcome>>, side: string, metric: string): number[] {
  return blocks.flatMap((outcomes) => {
    const samples = figuresOf(outcomes[side], 'samples', metric)
    return samples.length === 0 ? [] : median([...samples])
  })
}

function figuresOf(outcome: Outcome | undefined, kind: 'samples' | 'stretches', metric: string): readonly number[] {
  return outcome && 'samples' in outcome ? (outcome[kind][metric] ?? []) : []
}
