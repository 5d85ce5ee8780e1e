/** Axes of plots: where a value lies between two ends, and where it is worth a tick. */

export interface Scale {
  /** From 0 to 1 between the ends. */
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** Ends are rounded outwards to ticks; zero is among them. */
export function linearScale(values: readonly number[]): Scale {
  const high = Math.max(...values, 0)
  const low = Math.min(...values, 0)
  const step = niceStep((high - low || 1) / 4)
  const [from, to] = [Math.floor(low / step) * step, (Math.ceil(high / step) || 1) * step]
  const count = Math.round((to - from) / step)
  return {
    at: (value) => (value - from) / (to - from),
    ticks: Array.from({length: count + 1}, (_, index) => from + index * step),
  }
}

/** Ends are rounded outwards to ticks; zero is there only where values come near it. */
export function rangeScale(values: readonly number[]): Scale {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const step = niceStep((high - low || high || 1) / 4)
  const [from, to] = [Math.floor(low / step) * step, (Math.floor(high / step) + 1) * step]
  return {
    at: (value) => (value - from) / (to - from),
    ticks: Array.from({length: Math.round((to - from) / step) + 1}, (_, index) => from + index * step),
  }
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10)
}

/** Values have to be above zero. */
export function logScale(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9))
  const stride = Math.ceil((high - low) / 6)
  const ticks = Array.from({length: Math.floor((high - low) / stride) + 1}, (_, index) => 10 ** (low + index * stride))
  return {at: (value) => (Math.log10(value) - low) / (high - low), ticks}
}

/** Percentiles up to 99.99, each nine as wide as the one before: what is rare gets as much room as what is common. */
export function percentileScale(): Scale {
  const most = 99.99
  const nines = (percentile: number) => -Math.log10(1 - Math.min(percentile, most) / 100)
  return {at: (percentile) => nines(percentile) / nines(most), ticks: [0, 50, 90, 99, 99.9, 99.99]}
}
