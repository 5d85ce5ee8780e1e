/** Figures of a benchmark as people read them, without colours: 24.6 K ± 0.4, 95 µs, 12.2 ×. */
import type {PrintableMetric, PrintableSide} from './printable.ts'

export const NO_BREAK = '\u{A0}'

/** The sides that every metric has, in the order of the columns. */
export const SIDES = [
  {key: 'legacy_as_shipped', title: 'legacy as shipped'},
  {key: 'legacy_without_sleep', title: 'legacy without sleep'},
  {key: 'accelerated', title: 'accelerated'},
] as const

const PEER = 'peer_'
const DEVICE = 'accelerated_'

const STATUS = {failed: 'failed', not_available: 'none', not_run: 'not run'} as const

export const UNSTABLE =
  '≈ marks figures that are not stable: their interval is wider than ± 10 %. Run longer, or when less else runs.'

export const UNCERTAIN = 'A figure without ± comes of fewer than three samples, too few to tell how certain it is.'

export function sideTitle(key: string): string {
  const known = SIDES.find((side) => side.key === key)
  if (known) return known.title
  if (key.startsWith(PEER)) return key.slice(PEER.length)
  return key.startsWith(DEVICE) ? `accelerated on ${key.slice(DEVICE.length).toUpperCase()}` : key.replaceAll('_', ' ')
}

/** With the unit, where the figures do not carry it. */
export function metricTitle({title, unit}: Pick<PrintableMetric, 'title' | 'unit'>): string {
  return unit.startsWith('bytes') || unit === 'us' ? title : `${title}, ${unit}`
}

export function isUnstable({stable}: PrintableSide): boolean {
  return stable === false
}

/** Whether too few samples were taken to give an interval. */
export function isUncertain({ci95, status}: PrintableSide): boolean {
  return status === 'measured' && ci95 === null
}

/** Numbers reasons, so that a cell can point to one that does not fit into it. */
export class Footnotes {
  readonly #reasons: string[] = []

  get lines(): string[] {
    return this.#reasons.map((reason, index) => `${superscript(index + 1)} ${reason}`)
  }

  markOf(reason: string): string {
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason)
    return superscript(this.#reasons.indexOf(reason) + 1)
  }
}

function superscript(number: number): string {
  return [...String(number)].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!).join('')
}

/** The median with its uncertainty, or what there is instead; null for a side that the metric does not have. */
export function renderSide(
  {unit}: Pick<PrintableMetric, 'unit'>,
  side: PrintableSide | undefined,
  footnotes: Footnotes,
): string | null {
  if (!side) return null
  if (side.status !== 'measured') return `${STATUS[side.status]} ${footnotes.markOf(side.reason ?? 'unknown')}`
  return `${isUnstable(side) ? `≈${NO_BREAK}` : ''}${renderFigure(side.median!, halfOf(side), unit)}`
}

/** The wider side of the interval. */
function halfOf({ci95, median}: PrintableSide): number | null {
  return ci95 === null || median === null ? null : Math.max(ci95[1] - median, median - ci95[0])
}

/** A value with its uncertainty, both in the unit that suits the value: `24.6 K ± 0.4`. */
export function renderFigure(value: number, half: number | null, unit: string): string {
  const {digits, factor, suffix} = scaleOf(value, unit)
  const uncertainty = half === null ? '' : ` ±${NO_BREAK}${renderHalf(half, value, factor, digits)}`
  return `${`${(value / factor).toFixed(digits)}${NO_BREAK}${suffix}`.trimEnd()}${uncertainty}`
}

/** An uncertainty says nothing more once it is larger than the value itself. */
function renderHalf(half: number, value: number, factor: number, digits: number): string {
  return value > 0 && half > value ? `>${NO_BREAK}100${NO_BREAK}%` : (half / factor).toFixed(digits)
}

const SCALES: Readonly<Record<'bytes' | 'count' | 'us', ReadonlyArray<readonly [number, string]>>> = {
  bytes: [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'KB'],
    [1, 'B'],
  ],
  count: [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'K'],
    [1, ''],
  ],
  us: [
    [1e6, 's'],
    [1e3, 'ms'],
    [1, 'µs'],
  ],
}

function scaleOf(value: number, unit: string): {digits: number; factor: number; suffix: string} {
  const scales = SCALES[unit === 'us' ? 'us' : unit.startsWith('bytes') ? 'bytes' : 'count']
  const [factor, suffix] = scales.find(([least]) => Math.abs(value) >= least) ?? scales.at(-1)!
  const scaled = Math.abs(value / factor)
  return {digits: digitsOf(scaled), factor, suffix}
}

/** After the point: three digits in all where there is something before it. */
function digitsOf(value: number): number {
  if (value >= 100 || Number.isSafeInteger(value)) return 0
  return value >= 1 ? 1 : 3
}

/** `12.2 ×`; ∞ where the accelerated side needs nothing at all; null where there is nothing to compare. */
export function renderImprovement({better, ratio, sides}: PrintableMetric): string | null {
  if (ratio !== null) return renderRatio(ratio)
  const [legacy, accelerated] = [sides.legacy_without_sleep?.median ?? null, sides.accelerated?.median ?? null]
  if (better === 'higher' || legacy === null || accelerated === null) return null
  return accelerated <= 0 && legacy > 0 ? '∞' : null
}

function renderRatio(ratio: number): string {
  return `${ratio >= 100 ? Math.round(ratio) : Number(ratio.toPrecision(3))}${NO_BREAK}×`
}

/** `≥ 50 K`, `< 1 ms`, `≥ 2 ×`; null where nothing was promised. */
export function renderTarget(
  metric: Pick<PrintableMetric, 'better' | 'target' | 'target_kind' | 'unit'>,
): string | null {
  const {better, target, target_kind: kind, unit} = metric
  if (target === null) return null
  if (kind === 'ratio') return `≥${NO_BREAK}${target}${NO_BREAK}×`
  return `${better === 'higher' ? '≥' : '<'}${NO_BREAK}${renderFigure(target, null, unit)}`
}

/** A number apart from any unit, with as many digits as tell it from its bound. */
export function renderNumber(value: number): string {
  return String(Number(value.toPrecision(6)))
}
