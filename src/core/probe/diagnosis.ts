/** Runs the checks over the facts, in dependency order, and finds the one that explains the others. */
import type {Check, Status, Verdict} from './checks/check.ts'
import type {Facts} from './facts.ts'

import {lists} from './inventory/openvino.ts'

export interface Finding {
  readonly id: string
  readonly title: string
  readonly status: Status
  readonly evidence: readonly string[]
  /** The failure in one sentence; null when there is none. */
  readonly headline: string | null
  /** What to do; empty unless the check fails or warns. */
  readonly remedy: readonly string[]
  readonly source: string
}

export interface Diagnosis {
  readonly findings: readonly Finding[]
  readonly counts: Readonly<Record<Status, number>>
  /** The first failure in dependency order: the others may well go away with it. */
  readonly rootCause: Finding | null
}

/**
 * An NPU that OpenVINO lists is reached somehow, whatever a check makes of the way there. These judge what comes
 * after: they may fail all the same.
 */
const BEYOND_LISTING = new Set([
  'compiler-missing',
  'compiler-mismatch',
  'device-lost',
  'contexts-exhausted',
  'functional-test',
])

export function diagnose(facts: Facts, checks: readonly Check[]): Diagnosis {
  const findings = new Map<string, Finding>()
  for (const check of checks) findings.set(check.id, examine(check, facts, findings))
  const all = [...findings.values()]
  const counts = {fail: 0, pass: 0, skip: 0, unknown: 0, warn: 0}
  for (const {status} of all) counts[status] += 1
  return {counts, findings: all, rootCause: all.find(({status}) => status === 'fail') ?? null}
}

/** One check by itself, whatever became of those it needs. */
export function examineAlone(check: Check, facts: Facts): Finding {
  return examine(check, facts, new Map())
}

function examine(check: Check, facts: Facts, before: ReadonlyMap<string, Finding>): Finding {
  const verdict = blocked(check, before) ?? softened(check, facts, judge(check, facts))
  const isNeedsRemedy = verdict.status === 'fail' || verdict.status === 'warn'
  return {
    id: check.id,
    title: check.title,
    status: verdict.status,
    evidence: verdict.evidence,
    headline: verdict.headline ?? null,
    remedy: isNeedsRemedy ? check.remedy(facts.host.distribution, facts) : [],
    source: check.source,
  }
}

/** A check that needs a failed one, or one that was itself held up, says nothing. */
function blocked(check: Check, before: ReadonlyMap<string, Finding>): Verdict | null {
  const needed = check.needs.map((id) => before.get(id))
  const failed = needed.find((finding) => finding?.status === 'fail')
  if (failed) return {evidence: [`waits for ${failed.id}`], status: 'skip'}
  const waiting = needed.flatMap((finding) => (finding?.status === 'skip' ? finding.evidence : []))
  const cause = waiting.find((line) => line.startsWith('waits for '))
  return cause ? {evidence: [cause], status: 'skip'} : null
}

function judge(check: Check, facts: Facts): Verdict {
  if (facts.host.platform !== 'linux' && !ANYWHERE.has(check.id))
    return {evidence: [`only Linux is examined, this is ${facts.host.platform}`], status: 'unknown'}
  return check.detect(facts)
}

/** Checks of the processor and of OpenVINO alone, which mean the same on every system. */
const ANYWHERE = new Set(['no-npu-in-processor', 'runtime-missing', 'enumeration-crash', 'functional-test'])

function softened(check: Check, facts: Facts, verdict: Verdict): Verdict {
  if (verdict.status !== 'fail' || BEYOND_LISTING.has(check.id) || !lists(facts.openvino, 'NPU')) return verdict
  return {...verdict, evidence: [...verdict.evidence, 'OpenVINO lists the NPU all the same'], status: 'warn'}
}
