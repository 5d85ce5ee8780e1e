/** How much is measured: what `--quick` makes less of. */
import type {Arrivals} from './arrivals.ts'

/** Operations that come at a given rate, whether or not earlier ones are done. */
export interface Load {
  /** Operations per second. */
  readonly rate: number
  readonly arrivals: Arrivals
  /** How long one round goes on, in milliseconds. */
  readonly durationMs: number
  /** How long after it was due an operation is in time, in milliseconds. */
  readonly deadlineMs: number
}

export interface Effort {
  readonly quick: boolean
  /** How often each side does the work of a case. */
  readonly rounds: number
  /** How long one round of quick work goes on, in milliseconds. */
  readonly roundMs: number
  /** How often work is done that leaves nothing to repeat, such as a process that grows. */
  readonly processes: number
  /** Operations that a process does while its memory is watched. */
  readonly memoryOperations: number
  /** What a side may take beyond the time that its work is expected to take, before it counts as hanging. */
  readonly patienceMs: number
  /** Inferences in flight where throughput is measured. */
  readonly concurrency: number
  /** How long the callers of a model may take to warm up, in milliseconds. */
  readonly warmUpMs: number
  readonly load: Load
}

export const FULL: Effort = {
  quick: false,
  rounds: 20,
  roundMs: 60,
  processes: 5,
  memoryOperations: 5000,
  patienceMs: 10_000,
  concurrency: 16,
  warmUpMs: 8000,
  load: {rate: 1000, arrivals: 'poisson', durationMs: 250, deadlineMs: 10},
}

export const QUICK: Effort = {
  quick: true,
  rounds: 5,
  roundMs: 25,
  processes: 3,
  memoryOperations: 500,
  patienceMs: 3000,
  concurrency: 16,
  warmUpMs: 500,
  load: {...FULL.load, durationMs: 100},
}

/** What the user asks for in place of what `base` does. */
export interface EffortOverrides {
  /** How often each side does the work of a case. */
  readonly runs?: number | undefined
  /** How long one round goes on, in milliseconds. */
  readonly durationMs?: number | undefined
  /** Inferences in flight. */
  readonly concurrency?: number | undefined
  /** Operations per second. */
  readonly rate?: number | undefined
  readonly arrivals?: Arrivals | undefined
  readonly deadlineMs?: number | undefined
}

export function effortOf(base: Effort, overrides: EffortOverrides): Effort {
  const {arrivals, concurrency, deadlineMs, durationMs, rate, runs} = overrides
  return {
    ...base,
    ...(runs !== undefined && {rounds: runs, processes: runs}),
    ...(durationMs !== undefined && {roundMs: durationMs}),
    ...(concurrency !== undefined && {concurrency}),
    load: {
      durationMs: durationMs ?? base.load.durationMs,
      rate: rate ?? base.load.rate,
      arrivals: arrivals ?? base.load.arrivals,
      deadlineMs: deadlineMs ?? base.load.deadlineMs,
    },
  }
}
