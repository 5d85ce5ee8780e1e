import {median} from 'simple-statistics'

import type {Row, Verdict} from './row.ts'

import {type Interval, medianInterval} from '../../src/core/bench/statistics.ts'

export interface Judged extends Row {
  readonly median: number
  /** A 95 % confidence interval of the median. */
  readonly ci95: Interval | null
  readonly verdict: Verdict
}

/** Met or not met only where the whole confidence interval lies on one side of the bound. */
export function judge(row: Row): Judged {
  const ci95 = medianInterval(row.values)
  return {...row, median: median(row.values), ci95, verdict: verdictOf(row, ci95)}
}

function verdictOf({better, bound, values}: Row, interval: Interval | null): Verdict {
  const [low, high] = interval ?? [Math.min(...values), Math.max(...values)]
  const reaches = (value: number) => (better === 'higher' ? value >= bound : value <= bound)
  if (reaches(low) && reaches(high)) return 'met'
  return reaches(low) || reaches(high) ? 'inconclusive' : 'not met'
}

/** The rows of two runs of the same measurement as one. */
export function joined(earlier: readonly Row[], later: readonly Row[]): Row[] {
  return earlier.map((row, index) => ({...row, values: [...row.values, ...later[index]!.values]}))
}
