/** What every suite looks like: what it measures, and the work that each side does for it. */
import type {Effort} from '../effort.ts'
import type {MemoryUse} from '../memory.ts'
import type {Participants} from '../participants.ts'
import type {Absence, Target, Unit} from '../report.ts'

export interface MetricDefinition {
  readonly name: string
  readonly unit: Unit
  readonly better: 'higher' | 'lower'
  readonly target?: Target
}

/** One sample of each metric of a case, by name. */
export type Sample = Readonly<Record<string, number>>

export interface Side {
  /** Gets ready for the first round; its time counts nowhere. */
  readonly prepare?: () => Promise<void>
  /** Does the work of one round. */
  readonly measure: () => Promise<Sample>
  /** Fewer rounds than the others do, where one takes long. */
  readonly rounds?: number
  /** Says why this side is not measured; then nothing of it is called. */
  readonly absent?: {readonly reason: string; readonly status: Absence}
}

/** Work that all sides do in turns, and the metrics that it gives. */
export interface Case {
  /** For progress. */
  readonly title: string
  readonly metrics: readonly string[]
  /** By the name of the side. */
  readonly sides: Readonly<Record<string, Side>>
  readonly rounds: number
}

export interface SuiteContext {
  readonly participants: Participants
  readonly effort: Effort
  /** The model to run; null when there is none. */
  readonly model: () => Promise<string | null>
  /** Does operations of `elements` numbers in a process of its own, and tells what became of its memory. */
  readonly measureMemory: (request: {elements: number; operations: number}) => Promise<MemoryUse>
  /** Adds a sentence on how it was measured to those of the suite. */
  readonly note: (sentence: string) => void
}

export interface Suite {
  readonly name: string
  /** One line for `bench --list`. */
  readonly description: string
  readonly metrics: readonly MetricDefinition[]
  /** How it is measured, a sentence each. */
  readonly notes: readonly string[]
  readonly cases: (context: SuiteContext) => Promise<readonly Case[]>
}

/** A side that is not measured. */
export function absent(status: Absence, reason: string): Side {
  return {absent: {reason, status}, measure: async () => ({})}
}
