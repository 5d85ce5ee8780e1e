/** Whether this build is faster or slower than another one, by the samples of both. */
import {median} from 'simple-statistics'

import type {BenchReport, MetricReport, SideReport} from './report.ts'

import {mannWhitney, type RankTest} from './mann-whitney.ts'

export type Verdict = 'better' | 'same' | 'unknown' | 'worse'

export interface MetricChange {
  /** `suite.metric` */
  readonly metric: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly before: number | null
  readonly now: number | null
  /** (now − before) / before; null where there is nothing to divide by. */
  readonly change: number | null
  /** The same with the drift of the machine taken out, or by the pairs where both took turns. */
  readonly adjusted_change: number | null
  /** Of the rank test; null without samples. */
  readonly p: number | null
  /** Cliff's delta, above zero where `now` is higher. */
  readonly effect: number | null
  /** `same` where the difference is not significant, `unknown` where it could not be with so few samples. */
  readonly verdict: Verdict
  /** Worse, significantly, and by more than was allowed. */
  readonly regression: boolean
}

export interface Comparison {
  readonly kind: 'against' | 'baseline'
  /** The name or the path that was given. */
  readonly name: string
  readonly started_at: string | null
  readonly test: 'mann-whitney' | 'paired-permutation'
  /** How many times as long the fixed load took as it did then; 1 where both were measured in turns. */
  readonly drift: number
  /** What is not the same as it was, a sentence each: then a regression says little. */
  readonly differences: readonly string[]
  /** The share by which a metric may be worse; null when none was given. */
  readonly allowed: number | null
  readonly metrics: readonly MetricChange[]
  /** Whether there is a regression that counts: where the machine is another one, only if that was asked for. */
  readonly failed: boolean
}

/** Some twenty metrics are looked at: with the usual 5 % one of them would be flagged in each run by chance. */
const SIGNIFICANT = 0.01

/** What a machine that is slower makes worse. */
const TIMED = new Set(['inferences/s', 'ops/s', 'tasks/s', 'us'])

export interface Samples {
  readonly metric: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly before: readonly number[]
  readonly now: readonly number[]
}

export interface ComparisonRules {
  /** The share by which a metric may be worse; null when it is not to fail. */
  readonly allowed: number | null
  readonly drift: number
  readonly test: RankTest | null
  /** The change by the pairs that were measured in turns, where there are such. */
  readonly change?: number | undefined
}

/** Compares one metric; see {@link ComparisonRules}. */
export function compareMetric(
  {before, better, metric, now, unit}: Samples,
  {allowed, change: paired, drift, test}: ComparisonRules,
): MetricChange {
  const [then, current] = [before, now].map((samples) => (samples.length === 0 ? null : median([...samples])))
  const change = changeOf(then!, current!)
  const undrifted = current === null ? null : withoutDrift(current!, unit, drift)
  const adjusted = paired ?? changeOf(then!, undrifted)
  const worsening = adjusted === null ? null : better === 'higher' ? -adjusted : adjusted
  const verdict = verdictOf(test, worsening)
  return {
    metric,
    unit,
    better,
    before: then!,
    now: current!,
    change,
    adjusted_change: adjusted,
    p: test?.p ?? null,
    effect: test?.effect ?? null,
    verdict,
    regression: allowed !== null && verdict === 'worse' && worsening! > allowed,
  }
}

function changeOf(before: number | null, now: number | null): number | null {
  return before === null || now === null || before <= 0 ? null : (now - before) / before
}

/** What the figure would be if the machine were as fast as it was then. */
function withoutDrift(value: number, unit: string, drift: number): number {
  if (!TIMED.has(unit)) return value
  return unit === 'us' ? value / drift : value * drift
}

function verdictOf(test: RankTest | null, worsening: number | null): Verdict {
  // Where not even samples that do not overlap would be significant, equality is no finding.
  if (test === null || worsening === null || test.least >= SIGNIFICANT) return 'unknown'
  if (test.p >= SIGNIFICANT || worsening === 0) return 'same'
  return worsening > 0 ? 'worse' : 'better'
}

export interface BaselineOptions {
  readonly name: string
  readonly allowed: number | null
  /** Whether a regression counts even where the machine or a version is another one. */
  readonly forced: boolean
}

/** Compares the accelerated side of `report` with that of an earlier one. */
export function compareWithBaseline(report: BenchReport, baseline: BenchReport, options: BaselineOptions): Comparison {
  const {allowed, forced, name} = options
  const drift = report.environment.calibration.median / baseline.environment.calibration.median
  const differences = differencesOf(report, baseline)
  const metrics = samplesOf(report, baseline).map((samples) => {
    const test = mannWhitney(
      samples.now.map((value) => withoutDrift(value, samples.unit, drift)),
      samples.before,
    )
    return compareMetric(samples, {allowed, drift, test})
  })
  return {
    kind: 'baseline',
    name,
    started_at: baseline.environment.started_at,
    test: 'mann-whitney',
    drift,
    differences,
    allowed,
    metrics,
    failed: (forced || differences.length === 0) && metrics.some(({regression}) => regression),
  }
}

/** The samples of the metrics that both reports have. */
function samplesOf(report: BenchReport, baseline: BenchReport): Samples[] {
  return report.suites.flatMap(({metrics, name}) =>
    metrics.flatMap((metric) => {
      const earlier = baseline.suites.find((suite) => suite.name === name)?.metrics.find(isSame(metric))
      const {better, unit} = metric
      const [before, now] = [valuesOf(earlier?.sides.accelerated), valuesOf(metric.sides.accelerated)]
      if (!earlier || (before.length === 0 && now.length === 0)) return []
      return {metric: `${name}.${metric.name}`, unit, better, before, now}
    }),
  )
}

function isSame({name, unit}: MetricReport): (other: MetricReport) => boolean {
  return (other) => other.name === name && other.unit === unit
}

function valuesOf(side: SideReport | undefined): readonly number[] {
  return side?.status === 'measured' ? side.values : []
}

/** In words; null in reports of before there was one. */
function loadOf({settings}: BenchReport['environment']): string | null {
  const load = settings.load as BenchReport['environment']['settings']['load'] | undefined
  return load ? `${load.rate}/s ${load.arrivals} within ${load.deadline_ms} ms` : null
}

/** What of the machine and the settings is not the same in both reports. */
function differencesOf({environment: now}: BenchReport, {environment: before, interrupted}: BenchReport): string[] {
  const facts: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ['the processor', before.cpu.model, now.cpu.model],
    ['the number of cores', before.cpu.cores, now.cpu.cores],
    ['the kernel', before.os.release, now.os.release],
    ['Node.js', before.node, now.node],
    ['the engine', before.accelerated?.engine, now.accelerated?.engine],
    ['the device', before.accelerated?.device_name, now.accelerated?.device_name],
    ['OpenVINO', before.accelerated?.runtime, now.accelerated?.runtime],
    ['the time of a round in ms', before.settings.round_ms, now.settings.round_ms],
    // Reports of before these could be chosen have what they are by default.
    ['inferences in flight', before.settings.concurrency ?? now.settings.concurrency, now.settings.concurrency],
    ['the load', loadOf(before) ?? loadOf(now), loadOf(now)],
  ]
  const changed = facts
    .filter(([, earlier, current]) => earlier !== current)
    .map(([what, earlier, current]) => `${what} is ${String(current)}, was ${String(earlier)}`)
  return interrupted ? [...changed, 'the baseline was interrupted, so its figures have fewer samples'] : changed
}
