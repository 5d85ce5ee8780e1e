/** How a processed signal looks in a terminal. */
import {mark} from './mark.ts'
import {renderTable} from './table.ts'

export interface SignalView {
  readonly kind: string
  readonly family: string
  readonly file: string
  readonly shape: readonly number[]
  readonly fs: number | null
  readonly backend: {readonly backend: string; readonly reason: string}
  readonly device: string | null
  readonly computeUs: number
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly shape: readonly number[]
        readonly datatype: string
        readonly min: number | null
        readonly max: number | null
      }
    >
  >
  readonly tones: ReadonlyArray<{readonly frequency: number; readonly amplitude: number}> | null
  readonly out: string | null
  readonly plot: string | null
}

const COLUMNS = [
  {title: 'output'},
  {title: 'shape'},
  {title: 'type'},
  {title: 'least', align: 'right'},
  {title: 'most', align: 'right'},
] as const

export function renderSignal(view: SignalView): string {
  const {backend, computeUs, device, family, file, fs, kind, out, outputs, plot, shape, tones} = view
  const rate = fs === null ? '' : ` at ${fs} Hz`
  const rows = Object.entries(outputs).map(([name, {datatype, max, min, shape: extent}]) => [
    name,
    `[${extent.join(', ')}]`,
    datatype,
    shown(min),
    shown(max),
  ])
  return [
    `${mark('ok')} ${family} ${kind} of ${file} [${shape.join(', ')}]${rate}, ${milliseconds(computeUs)} by ${backend.backend}${device === null ? '' : ` on ${device}`} (${backend.reason})`,
    ...(tones === null ? [] : [tonesText(tones, fs !== null)]),
    renderTable({columns: COLUMNS, rows}),
    ...(out === null ? [] : [`Written to ${out}`]),
    ...(plot === null ? [] : [`Drawn in ${plot}`]),
  ].join('\n')
}

function tonesText(tones: NonNullable<SignalView['tones']>, inHertz: boolean): string {
  if (tones.length === 0) return '  No tone stands out by 20 dB'
  const unit = inHertz ? ' Hz' : ''
  const texts = tones.map(
    ({amplitude, frequency}) => `${frequency.toFixed(inHertz ? 2 : 5)}${unit} (amplitude ${amplitude.toPrecision(3)})`,
  )
  return `  Tones: ${texts.join(', ')}`
}

function shown(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(4)))
}

function milliseconds(micros: number): string {
  return `${(micros / 1000).toFixed(2)} ms`
}
