/** How much is measured: what `--quick` makes less of. */
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
}

export const FULL: Effort = {
  quick: false,
  rounds: 25,
  roundMs: 80,
  processes: 5,
  memoryOperations: 5000,
  patienceMs: 10_000,
}

export const QUICK: Effort = {
  quick: true,
  rounds: 6,
  roundMs: 40,
  processes: 3,
  memoryOperations: 1000,
  patienceMs: 3000,
}
