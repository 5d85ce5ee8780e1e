/** The probe: gather facts once, judge them, and say what would run. */
import type {Check, Status} from './checks/check.ts'
import type {ProbeEffects} from './effects.ts'
import type {Facts} from './facts.ts'
import type {Root} from './root.ts'

import {CHECKS} from './checks/index.ts'
import {diagnose, type Finding} from './diagnosis.ts'
import {gatherFacts} from './gather.ts'
import {choosePerformance, type Performance} from './performance.ts'
import {checkRequirements, type Requirement, type RequirementResult} from './require.ts'
import {summarise, type Summary} from './summary.ts'
import {readTelemetry, type TelemetrySample} from './telemetry.ts'
import {type Tops, topsOf} from './tops.ts'

export interface ProbeReport extends Facts, Summary {
  readonly version: string
  /** Whether the running machine was examined, or files that stand for one. */
  readonly live: boolean
  readonly tops: Tops
  /** One reading of the NPU; null without one. */
  readonly telemetry: TelemetrySample | null
  readonly performance: Performance
  readonly checks: readonly Finding[]
  readonly counts: Readonly<Record<Status, number>>
  /** The id of the failed check that explains the others; null when none failed. */
  readonly rootCause: string | null
  readonly requirements: readonly RequirementResult[]
}

export interface ProbeOptions {
  readonly version: string
  readonly root: Root
  readonly effects: ProbeEffects
  readonly require?: readonly Requirement[]
  readonly checks?: readonly Check[]
  /** Whether to run models on the devices too. */
  readonly test?: boolean
  /** The limit of each child process, 10 s unless told. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const CHILD_LIMIT_MS = 10_000

export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const {checks = CHECKS, root, timeoutMs = CHILD_LIMIT_MS, version} = options
  const facts = await gatherFacts({...options, timeoutMs})
  const diagnosis = diagnose(facts, checks)
  const {rootCause} = diagnosis
  const performance = choosePerformance(facts, rootCause?.headline ?? null)
  const tops = topsOf(facts)
  return {
    version,
    live: root.live,
    ...summarise({diagnosis, facts, performance, tops, version}),
    tops,
    telemetry: facts.npu && readTelemetry(root, facts.npu),
    performance,
    rootCause: rootCause?.id ?? null,
    counts: diagnosis.counts,
    checks: diagnosis.findings,
    requirements: checkRequirements(options.require ?? [], facts, performance),
    ...facts,
  }
}
