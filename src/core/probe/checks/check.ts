/** The one shape of every check: a pure judgement of the facts, and what to do when it fails. */
import type {Facts} from '../facts.ts'
import type {Distribution} from '../inventory/host.ts'

/** `unknown` is what cannot be told, for lack of root or otherwise: never a failure. */
export type Status = 'fail' | 'pass' | 'skip' | 'unknown' | 'warn'

export interface Verdict {
  readonly status: Status
  /** What was seen, one fact a line. */
  readonly evidence: readonly string[]
  /** The failure as the answer to "why does the NPU not work?", for when it is the root cause. */
  readonly headline?: string
}

export interface Check {
  /** Never changes once released: scripts name it. */
  readonly id: string
  /** What is true when the check passes. */
  readonly title: string
  /** What it means and where the trouble comes from, for --explain. */
  readonly explanation: string
  /** Checks that must not have failed for this one to mean anything; they come earlier in the list. */
  readonly needs: readonly string[]
  detect(facts: Facts): Verdict
  /** Commands and sentences, in the order in which to try them. */
  remedy(distribution: Distribution, facts: Facts): readonly string[]
  /** Where this was seen, or the code that decides it. */
  readonly source: string
}

type Evidence = ReadonlyArray<string | false | null | undefined>

function verdict(status: Status, evidence: Evidence): Verdict {
  return {evidence: evidence.filter((line): line is string => Boolean(line)), status}
}

export function pass(...evidence: Evidence): Verdict {
  return verdict('pass', evidence)
}

export function fail(headline: string, ...evidence: Evidence): Verdict {
  return {...verdict('fail', evidence), headline}
}

export function warn(headline: string, ...evidence: Evidence): Verdict {
  return {...verdict('warn', evidence), headline}
}

export function skip(...evidence: Evidence): Verdict {
  return verdict('skip', evidence)
}

export function unknown(...evidence: Evidence): Verdict {
  return verdict('unknown', evidence)
}

/** The first four: without them there is no NPU in sight, and nothing further down means anything. */
export const NPU_IN_SIGHT = ['no-npu-in-processor', 'disabled-in-firmware-setup', 'wsl', 'virtual-machine'] as const
