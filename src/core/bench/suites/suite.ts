/** What every suite looks like: what it measures, and the work that each side does for it. */
import type {DeviceFacts} from '../device-facts.ts'
import type {Effort} from '../effort.ts'
import type {MemoryRequest, MemoryUse} from '../memory.ts'
import type {DeviceKind, Participants} from '../participants.ts'
import type {Peer} from '../peers/peer.ts'
import type {Absence, Point, Target, Unit} from '../report.ts'

export interface MetricDefinition {
  readonly name: string
  /** What it is, in a few words. */
  readonly title: string
  readonly unit: Unit
  readonly better: 'higher' | 'lower'
  readonly target?: Target
  /** Where it lies on an axis that several metrics of the suite share. */
  readonly point?: Point
}

/** What one round of a side gives. */
export interface Round {
  /** One sample of each metric of the case, by name. */
  readonly values: Readonly<Record<string, number>>
  /** The same over short stretches of the round, for metrics that can be told from so little. */
  readonly stretches?: Readonly<Record<string, readonly number[]>>
  /** Times of single operations in microseconds, by what was timed. */
  readonly latenciesUs?: Readonly<Record<string, readonly number[]>>
  /** How something went on over the round, as points, by what it is. */
  readonly series?: Readonly<Record<string, readonly SeriesPoint[]>>
}

/** Where on the axis, and what. */
export type SeriesPoint = readonly [number, number]

export interface Absent {
  readonly status: Absence
  /** One sentence for the user. */
  readonly reason: string
}

export interface Side {
  /** Gets ready for the first round; its time counts nowhere. */
  readonly prepare?: () => Promise<void>
  /** Does the work of one round, or of a share of it where the case may be divided. */
  readonly measure: (share?: number) => Promise<Round>
  /** Fewer rounds than the others do, where one takes long. */
  readonly rounds?: number
  /** Says why this side is not measured; then nothing of it is called. */
  readonly absent?: Absent
  /** Says why it gives no samples of some metrics of the case. */
  readonly lacks?: Readonly<Record<string, Absent>>
}

/** Work that all sides do in turns, and the metrics that it gives. */
export interface Case {
  /** For progress. */
  readonly title: string
  readonly metrics: readonly string[]
  /** By the name of the side. */
  readonly sides: Readonly<Record<string, Side>>
  readonly rounds: number
  /** Whether sides may take turns within a round: where its length is a matter of time alone. */
  readonly divisible?: boolean
}

export interface SeriesDefinition {
  readonly name: string
  readonly x: string
  readonly unit: Unit
}

export interface SuiteContext {
  readonly participants: Participants
  readonly effort: Effort
  /** The model to run; null when there is none. */
  readonly model: () => Promise<string | null>
  /** The file of a model. */
  readonly modelFile: (model: string) => Promise<string>
  /** Devices to measure beside the one of the accelerated side. */
  readonly otherDevices: () => Promise<readonly DeviceKind[]>
  /** Other programs to measure. */
  readonly peers: readonly Peer[]
  readonly signal: AbortSignal
  /** Does operations of `elements` numbers in a process of its own, and tells what became of its memory. */
  readonly measureMemory: (request: Omit<MemoryRequest, 'selection'>) => Promise<MemoryUse>
  /**
   * Does the accelerated side's work of one round, of case number `index` of a suite, in a process of its own and with each
   * inference by itself.
   */
  readonly measureApart: (suite: string, index: number) => Promise<Round>
  /** Milliseconds from starting a process to its first answer: of the model, or of an echo. */
  readonly measureStartup: (model: string | null) => Promise<number>
  /** What is known of the device of the accelerated side. */
  readonly deviceFacts: () => Promise<DeviceFacts>
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
  /** The axis and the unit of each series. */
  readonly series?: readonly SeriesDefinition[]
  readonly cases: (context: SuiteContext) => Promise<readonly Case[]>
}

/** A side that is not measured. */
export function absent(status: Absence, reason: string): Side {
  return {absent: {reason, status}, measure: async () => ({values: {}})}
}
