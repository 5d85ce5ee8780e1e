/** What is wanted of a setting, and what it must not cost. */

export const OBJECTIVES = ['latency', 'throughput', 'efficiency'] as const
export type Objective = (typeof OBJECTIVES)[number]

/** What came of a setting. */
export interface Figures {
  /** Operations a second, with as many in flight as the setting can hold twice. */
  readonly throughput: number
  /** Microseconds from submission to answer, one at a time. */
  readonly p50Us: number
  readonly p99Us: number
  /** The same under the load of `throughput`. */
  readonly loadedP99Us: number
  /** Processor time of this process for each operation, in microseconds. */
  readonly cpuUs: number
  /** Energy for each operation in joules; null where it cannot be read. */
  readonly joules: null | number
  /** Resident memory of a process that runs it and nothing else, in bytes; null where it was not tried in one. */
  readonly memoryBytes: null | number
}

export interface Constraints {
  readonly maxP99Ms?: number | undefined
  readonly maxMemoryMb?: number | undefined
}

const BYTES_PER_MB = 2 ** 20

/** Larger is better. Energy decides on efficiency where it is known, else the time that processors spend. */
export function score(objective: Objective, figures: Figures): number {
  switch (objective) {
    case 'latency': {
      return 1 / figures.p50Us
    }

    case 'throughput': {
      return figures.throughput
    }

    case 'efficiency': {
      return 1 / (figures.joules ?? figures.cpuUs)
    }
  }
}

/** The p99 that a constraint is about: of single operations, or under load. */
export function constrainedP99(objective: Objective, {loadedP99Us, p99Us}: Figures): number {
  return objective === 'latency' ? p99Us : loadedP99Us
}

/** The constraints that a setting breaks, a phrase each. */
export function brokenBy(objective: Objective, figures: Figures, constraints: Constraints): string[] {
  const {maxMemoryMb, maxP99Ms} = constraints
  const p99Ms = constrainedP99(objective, figures) / 1000
  const memoryMb = figures.memoryBytes === null ? null : figures.memoryBytes / BYTES_PER_MB
  return [
    ...(maxP99Ms !== undefined && p99Ms > maxP99Ms
      ? [`p99 is ${p99Ms.toFixed(2)} ms, ${maxP99Ms} ms are allowed`]
      : []),
    ...(maxMemoryMb !== undefined && memoryMb !== null && memoryMb > maxMemoryMb
      ? [`it takes ${Math.round(memoryMb)} MB, ${maxMemoryMb} MB are allowed`]
      : []),
  ]
}
