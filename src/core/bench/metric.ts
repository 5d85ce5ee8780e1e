import type {NotMeasured, Outcome} from './measure.ts'
import type {MetricReport, SideReport} from './report.ts'
import type {MetricDefinition} from './suites/suite.ts'

import {ACCELERATED, LEGACY_WITHOUT_SLEEP} from './sides.ts'
import {type Interval, quotientInterval, summarize} from './statistics.ts'

const NOT_MEASURED: NotMeasured = {absent: {status: 'not_run', reason: 'it was not measured'}}

/** What the outcomes of all sides say of one metric. */
export function metricReport(metric: MetricDefinition, outcomes: Readonly<Record<string, Outcome>>): MetricReport {
  const {better, name, target, unit} = metric
  const samplesOf = (side: string): readonly number[] => {
    const outcome = outcomes[side] ?? NOT_MEASURED
    return 'samples' in outcome ? (outcome.samples[name] ?? []) : []
  }

  const sides = Object.fromEntries(Object.entries(outcomes).map(([side, outcome]) => [side, sideReport(name, outcome)]))
  const improvement = improve(better, samplesOf(ACCELERATED), samplesOf(LEGACY_WITHOUT_SLEEP))
  return {
    name,
    unit,
    better,
    sides,
    ratio: improvement?.ratio ?? null,
    ratio_ci95: improvement?.interval ?? null,
    target: target?.bound ?? null,
    target_kind: target?.kind ?? null,
    met: isMet(metric, sides),
  }
}

function sideReport(metric: string, outcome: Outcome): SideReport {
  const samples = 'samples' in outcome ? (outcome.samples[metric] ?? []) : []
  if (samples.length > 0) return {status: 'measured', reason: null, ...summarize(samples)}
  const {reason, status} = 'absent' in outcome ? outcome.absent : NOT_MEASURED.absent
  return {status, reason, median: null, p50: null, p99: null, ci95: null, samples: 0}
}

interface Improvement {
  readonly ratio: number
  readonly interval: Interval | null
}

function improve(
  better: MetricDefinition['better'],
  accelerated: readonly number[],
  legacy: readonly number[],
): Improvement | null {
  if (accelerated.length === 0 || legacy.length === 0) return null
  const [more, less] = better === 'higher' ? [accelerated, legacy] : [legacy, accelerated]
  const [numerator, denominator] = [summarize(more).median, summarize(less).median]
  // Memory that shrinks is no fraction of memory that grows.
  if (numerator <= 0 || denominator <= 0) return null
  return {ratio: numerator / denominator, interval: quotientInterval(more, less)}
}

/** Without a division, so that a side that needs nothing at all is infinitely better and not undefined. */
function isMet({better, target}: MetricDefinition, sides: Readonly<Record<string, SideReport>>): boolean | null {
  const accelerated = sides[ACCELERATED]?.median ?? null
  if (!target || accelerated === null) return null
  if (target.kind === 'value') return better === 'higher' ? accelerated >= target.bound : accelerated < target.bound
  const legacy = sides[LEGACY_WITHOUT_SLEEP]?.median ?? null
  if (legacy === null) return null
  return better === 'higher' ? accelerated >= target.bound * legacy : legacy >= target.bound * accelerated
}
