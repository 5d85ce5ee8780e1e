/** What a few samples of one figure tell, without assuming how they are distributed. */
import {median, quantileSorted} from 'simple-statistics'

import {type Random, seededRandom} from './random.ts'

/** The lower and the upper bound of an interval. */
export type Interval = readonly [number, number]

/** Statistics of samples, in the unit of the samples. */
export interface Summary {
  readonly median: number
  readonly p50: number
  readonly p99: number
  /** A 95 % confidence interval of the median; null where there are too few samples to give one. */
  readonly ci95: Interval | null
  /** How many samples there were. */
  readonly samples: number
}

/** Resampling two values gives two values: below this, an interval would claim what nobody knows. */
export const LEAST_SAMPLES_FOR_INTERVAL = 3
const RESAMPLES = 1000
const SEED = 20_260_401

/** @throws {RangeError} without samples */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = median(sorted)
  return {
    median: middle,
    p50: middle,
    p99: quantileSorted(sorted, 0.99),
    ci95: medianInterval(samples),
    samples: samples.length,
  }
}

/** A 95 % confidence interval of the median by the percentile bootstrap; the same samples give the same interval. */
export function medianInterval(samples: readonly number[], random: Random = seededRandom(SEED)): Interval | null {
  if (samples.length < LEAST_SAMPLES_FOR_INTERVAL) return null
  return middle95(() => median(resampled(samples, random)))
}

/**
 * A 95 % confidence interval of the quotient of two medians. Null where there are too few samples, or where the
 * quotient has no bounds because the denominator may be zero.
 */
export function quotientInterval(
  numerator: readonly number[],
  denominator: readonly number[],
  random: Random = seededRandom(SEED),
): Interval | null {
  if (Math.min(numerator.length, denominator.length) < LEAST_SAMPLES_FOR_INTERVAL) return null
  const interval = middle95(() => median(resampled(numerator, random)) / median(resampled(denominator, random)))
  return interval.every((bound) => Number.isFinite(bound)) ? interval : null
}

function middle95(draw: () => number): Interval {
  const drawn = Array.from({length: RESAMPLES}, draw).toSorted((a, b) => a - b)
  return [quantileSorted(drawn, 0.025), quantileSorted(drawn, 0.975)]
}

/** As many values as there are samples, drawn from them with repetition. */
function resampled(samples: readonly number[], random: Random): number[] {
  return Array.from({length: samples.length}, () => samples[Math.floor(random() * samples.length)]!)
}
