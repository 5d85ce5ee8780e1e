/** The tones that stand out of a spectrum, between its lines. */

export interface Tone {
  /** In Hz, or in cycles for each sample where no sampling rate is known. */
  readonly frequency: number
  readonly amplitude: number
}

/** Samples that are looked at; more would say nothing new about a tone that lasts. */
const MOST_SAMPLES = 1 << 16
const MOST_TONES = 10
/** A tone stands above the middle of all lines by at least this factor of power: 20 dB. */
const ABOVE_MEDIAN = 100

/**
 * Each line that is higher than its neighbours and stands out is made exact: the frequency at which the samples, under a
 * Hann window, agree best with a wave. The strongest come first.
 */
export function findTones(
  samples: ArrayLike<number>,
  psd: ArrayLike<number>,
  frequencies: ArrayLike<number>,
  fs: number,
): Tone[] {
  const limit = ABOVE_MEDIAN * median(psd)
  const lines: number[] = []
  for (let k = 1; k + 1 < psd.length; k++) {
    if (psd[k]! > limit && psd[k]! >= psd[k - 1]! && psd[k]! > psd[k + 1]!) lines.push(k)
  }

  const strongest = lines.toSorted((a, b) => psd[b]! - psd[a]!).slice(0, MOST_TONES)
  const spacing = frequencies[1]! - frequencies[0]!
  const weighted = underWindow(samples)
  return strongest.map((k) => sharpen(weighted, frequencies[k]!, spacing, fs))
}

function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function underWindow(samples: ArrayLike<number>): Float64Array {
  const n = Math.min(samples.length, MOST_SAMPLES)
  return Float64Array.from({length: n}, (_, k) => samples[k]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * k) / n)))
}

/** First on a grid as fine as the samples allow, then by the golden section. */
function sharpen(weighted: Float64Array, near: number, spacing: number, fs: number): Tone {
  const size = (frequency: number) => strength(weighted, frequency / fs)
  const resolution = fs / weighted.length
  const steps = Math.max(1, Math.ceil(spacing / resolution))
  let best = near
  let most = size(near)
  for (let step = -steps; step <= steps; step++) {
    const frequency = near + (step * spacing) / steps
    const found = size(frequency)
    if (found > most) [best, most] = [frequency, found]
  }

  const width = Math.min(spacing, resolution)
  let [low, high] = [best - width, best + width]
  const golden = (Math.sqrt(5) - 1) / 2
  for (let round = 0; round < 40; round++) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)]
    if (size(left) > size(right)) high = right
    else low = left
  }

  const frequency = (low + high) / 2
  // The window halves a wave, and a wave is half at each sign of its frequency.
  return {frequency, amplitude: (4 * size(frequency)) / weighted.length}
}

/** The length of the transform at one frequency, the wave turned step by step. */
function strength(weighted: Float64Array, cycles: number): number {
  const [cosine, sine] = [Math.cos(2 * Math.PI * cycles), Math.sin(2 * Math.PI * cycles)]
  let [re, im, waveRe, waveIm] = [0, 0, 1, 0]
  for (const sample of weighted) {
    re += sample * waveRe
    im += sample * waveIm
    const turned = waveRe * cosine - waveIm * sine
    waveIm = waveRe * sine + waveIm * cosine
    waveRe = turned
  }

  return Math.hypot(re, im)
}
