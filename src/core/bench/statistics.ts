/** What a few samples of one figure tell, without assuming how they are distributed. */
import {mean, median, medianAbsoluteDeviation, quantileSorted} from 'simple-statistics'

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
  readonly mean: number
  /** Median of the distances from the median. */
  readonly mad: number
  /** How many samples lie so far off that they are of another kind; they are counted in everything else. */
  readonly outliers: number
  /** Whether the median is known well enough to rely on; null with too few samples. */
  readonly stable: boolean | null
}

/** Resampling two values gives two values: below this, an interval would claim what nobody knows. */
export const LEAST_SAMPLES_FOR_INTERVAL = 3
const RESAMPLES = 1000
/** Of the median: an interval that is wider on one side than this says that the run was too short or too noisy. */
const STABLE_WITHIN = 0.1
/** Modified z-score from which a sample is an outlier (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993). */
const OUTLYING = 3.5
/** Makes the MAD of a normal distribution its standard deviation. */
const MAD_SCALE = 1.4826
const SEED = 20_260_401

/** @throws {RangeError} without samples */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = median(sorted)
  const ci95 = medianInterval(samples)
  const mad = medianAbsoluteDeviation(sorted)
  return {
    median: middle,
    p50: middle,
    p99: quantileSorted(sorted, 0.99),
    ci95,
    samples: samples.length,
    mean: mean(sorted),
    mad,
    outliers: outliersOf(sorted).length,
    stable: ci95?.every((bound) => Math.abs(bound - middle) <= STABLE_WITHIN * Math.abs(middle)) ?? null,
  }
}

/** The samples that lie far from the others, judged by the median of all distances; none where most do not differ. */
export function outliersOf(samples: readonly number[]): number[] {
  const middle = median([...samples])
  const mad = medianAbsoluteDeviation([...samples])
  if (mad === 0) return []
  return samples.filter((sample) => Math.abs(sample - middle) > OUTLYING * MAD_SCALE * mad)
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
