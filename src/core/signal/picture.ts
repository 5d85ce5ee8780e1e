/** What of a result is worth a picture, as plain numbers with names and units. */
import type {OutputTensor} from '../engine/engine.ts'
import type {Processed} from './process.ts'

export interface Axis {
  readonly label: string
  readonly values: ArrayLike<number>
}

export interface Picture {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  /** Rows of y by columns of x; a curve when absent. */
  readonly cells?: {readonly label: string; readonly values: ArrayLike<number>}
  /** Places on the x axis that are named. */
  readonly marks: ReadonlyArray<{readonly label: string; readonly x: number}>
}

type Outputs = Readonly<Record<string, OutputTensor>>

/** Power below this part of the largest is drawn as if it were this: -140 dB. */
const LEAST_POWER = 1e-14

/** The first channel of the first output. */
export function pictureOf({outputs, report}: Processed): Picture {
  const {fs, kind} = report
  const [name, first] = Object.entries(outputs)[0]!
  const title = `${kind} of ${report.file}`
  const frequencies = outputs.frequencies && {
    label: fs === null ? 'frequency (cycles/sample)' : 'frequency (Hz)',
    values: numbers(outputs.frequencies),
  }
  if (name === 'psd' && frequencies && !outputs.times) {
    const marks = (report.tones ?? []).map(({frequency: x}) => ({
      x,
      label: `${x.toFixed(2)}${fs === null ? '' : ' Hz'}`,
    }))
    return {
      title,
      x: frequencies,
      y: {label: powerLabel(fs), values: decibels(take(first, frequencies.values.length), 10)},
      marks,
    }
  }

  if (name === 'spectrum' && frequencies) {
    const values = decibels(magnitudes(take(first, 2 * frequencies.values.length)), 20)
    return {title, x: frequencies, y: {label: 'magnitude (dB)', values}, marks: []}
  }

  const map = mapOf(name, first, outputs, frequencies, title)
  if (map) return map
  const length = first.shape.at(-1) ?? 1
  const isSamples = ['e', 'samples', 'y'].includes(name)
  const timed = isSamples && fs !== null && kind !== 'resample_poly'
  const x = Float64Array.from({length}, (_, k) => (timed ? k / fs : k))
  return {
    title,
    x: {label: timed ? 'time (s)' : 'index', values: x},
    y: {label: isSamples ? 'amplitude' : name, values: take(first, length)},
    marks: [],
  }
}

function mapOf(
  name: string,
  first: OutputTensor,
  {times}: Outputs,
  frequencies: Axis | undefined,
  title: string,
): Picture | undefined {
  if (!['coefficients', 'mel', 'mfcc', 'psd', 'stft'].includes(name)) return undefined
  const shape = name === 'stft' ? first.shape.slice(0, -1) : first.shape
  if (shape.length < 2) return undefined
  const [rows, columns] = shape.slice(-2) as [number, number]
  const count = rows * columns
  const x = times
    ? {label: 'time (s)', values: numbers(times)}
    : {label: 'frame', values: Float64Array.from({length: columns}, (_, k) => k)}
  const y = frequencies ?? {label: 'row', values: Float64Array.from({length: rows}, (_, k) => k)}
  if (name === 'stft') {
    return {
      title,
      x,
      y,
      cells: {label: 'magnitude (dB)', values: decibels(magnitudes(take(first, 2 * count)), 20)},
      marks: [],
    }
  }

  const values = take(first, count)
  if (name === 'psd' || name === 'mel')
    return {title, x, y, cells: {label: 'power (dB)', values: decibels(values, 10)}, marks: []}
  return {title, x, y, cells: {label: name, values}, marks: []}
}

function powerLabel(fs: number | null): string {
  return fs === null ? 'power density (dB/cycle)' : 'power density (dB/Hz)'
}

function numbers({data}: OutputTensor): Float64Array {
  return Float64Array.from(data as Float64Array)
}

function take({data}: OutputTensor, count: number): Float64Array {
  return Float64Array.from((data as Float64Array).subarray(0, count))
}

function magnitudes(pairs: Float64Array): Float64Array {
  return Float64Array.from({length: pairs.length / 2}, (_, k) => Math.hypot(pairs[2 * k]!, pairs[2 * k + 1]!))
}

/** `factor` is 10 for power and 20 for amplitude. */
function decibels(values: Float64Array, factor: number): Float64Array {
  let most = 0
  for (const value of values) if (value > most) most = value
  const least = (most || 1) * (factor === 20 ? Math.sqrt(LEAST_POWER) : LEAST_POWER)
  return values.map((value) => factor * Math.log10(Math.max(value, least)))
}
