/** A screen of `top`, line by line, for any size. */
import {styleText} from 'node:util'

import {formatAge, formatBytes, formatCount, formatLatency} from '../units.ts'
import {columnsOf, cut, pad, plain} from './cells.ts'

type Amount = number | null
interface Quantiles {
  readonly p50: Amount
  readonly p95: Amount
  readonly p99: Amount
}

export interface PrintableTop {
  readonly source: {
    readonly kind: string
    readonly name: string
    readonly version: string | null
    readonly state: string | null
  }
  readonly engine: string | null
  readonly uptimeMs: Amount
  readonly throughput: Amount
  readonly failuresPerSecond: Amount
  readonly fallbacksPerSecond: Amount
  readonly totals: {readonly completed: Amount; readonly failed: Amount; readonly fallbacks: Amount}
  readonly latency: (Quantiles & {readonly scope: string}) | null
  readonly queueDepth: Amount
  readonly running: Amount
  readonly queueByPriority: ReadonlyArray<readonly [string, number]>
  readonly meanBatch: Amount
  readonly devices: ReadonlyArray<{
    readonly name: string
    readonly breaker: string
    readonly reason: string | null
    readonly perSecond: Amount
    readonly latency: Quantiles | null
    readonly telemetry: {
      readonly utilisation: Amount
      readonly frequencyMhz: Amount
      readonly memoryBytes: Amount
      readonly temperatureCelsius: Amount
      readonly powerWatts: Amount
    } | null
  }>
  readonly models: ReadonlyArray<{
    readonly name: string
    readonly state: string
    readonly devices: readonly string[]
    readonly count: number
    readonly perSecond: Amount
    readonly p50: Amount
    readonly p99: Amount
  }>
  readonly processBytes: Amount
  readonly errors: ReadonlyArray<{
    readonly code: string
    readonly message: string
    readonly where: string
    readonly count: number
  }>
  readonly fallbacks: ReadonlyArray<{
    readonly from: string
    readonly to: string
    readonly reason: string
    readonly count: number
  }>
  readonly advice: ReadonlyArray<{readonly advice: string}>
}

export const SORTS = ['ops/s', 'name', 'state', 'operations', 'p99'] as const
export type Sort = (typeof SORTS)[number]

export interface TopLook {
  /** Columns and rows; as many rows as it takes without. */
  readonly width: number
  readonly height?: number
  readonly sort: Sort
  readonly isReversed: boolean
  /** Models that are scrolled past. */
  readonly offset: number
  /** What is said in place of `live`. */
  readonly status: {readonly kind: 'bad' | 'good' | 'warn'; readonly text: string}
  readonly rates: readonly Amount[]
  /** Below everything. */
  readonly keys: string | null
}

type Style = Parameters<typeof styleText>[0]

/** A line, and how the whole of it looks. Nothing is told by colour alone. */
interface Line {
  readonly text: string
  readonly style?: Style | undefined
}

const LEAST_MODELS = 3
const MOST_NEWS = 6
const STYLES = {bad: 'red', good: 'green', warn: 'yellow'} as const

export function renderTop(top: PrintableTop, look: TopLook): string[] {
  const {height = Infinity, width} = look
  const head = [...headOf(top, look), ...devicesOf(top, width)]
  const news = newsOf(top).slice(0, MOST_NEWS)
  const models = modelsOf(top, look)
  const foot: Line[] = look.keys === null ? [] : [{text: look.keys, style: 'dim'}]
  const room = height - head.length - foot.length
  // News may take what models leave, and models have a few lines in any case.
  const newsRoom = Math.max(0, Math.min(news.length, room - Math.min(models.length, 1 + LEAST_MODELS)))
  const shownModels = models.slice(0, Math.max(0, room - newsRoom))
  const lines = [...head, ...shownModels, ...news.slice(0, newsRoom)]
  const kept = height === Infinity ? lines : lines.slice(0, Math.max(0, height - foot.length))
  return [...kept, ...foot].map((line) => paint(line, width))
}

function paint({style, text}: Line, width: number): string {
  const shown = cut(plain(text), width).trimEnd()
  return style === undefined || shown === '' ? shown : styleText(style, shown, {stream: process.stdout})
}

function headOf(top: PrintableTop, {rates, status, width}: TopLook): Line[] {
  const {kind, text} = status
  const [source, uptime] = [plain(top.source.name), top.uptimeMs === null ? 'unknown' : formatAge(top.uptimeMs)]
  const state = top.source.state !== null && top.source.state !== 'ok' ? ` · ${top.source.state}` : ''
  const title = `npubridge top · ${source} · ${top.engine ?? 'unknown'} · up ${uptime}${state}`
  const space = width - columnsOf(text) - 2
  const first = space < 12 ? [{text, style: STYLES[kind]}, {text: title}] : [{text: title}, {text, style: STYLES[kind]}]
  const {failed, fallbacks} = top.totals
  const sums = [
    `${formatCount(top.throughput)} ops/s`,
    ...(top.latency
      ? [
          `p50 ${formatLatency(top.latency.p50)}`,
          `p95 ${formatLatency(top.latency.p95)}`,
          `p99 ${formatLatency(top.latency.p99)}`,
          `(${top.latency.scope})`,
        ]
      : ['latency unknown']),
  ]
  const counts = [
    `waiting ${formatCount(top.queueDepth)}`,
    `running ${formatCount(top.running)}`,
    `failed ${formatCount(top.failuresPerSecond)}/s (${formatCount(failed)})`,
    `fell back ${formatCount(top.fallbacksPerSecond)}/s (${formatCount(fallbacks)})`,
    `memory ${top.processBytes === null ? 'unknown' : formatBytes(top.processBytes)}`,
  ]
  const queue = top.queueByPriority.map(([name, depth]) => `${name} ${formatCount(depth)}`)
  const batch = `batch ${top.meanBatch === null ? 'unknown' : top.meanBatch.toFixed(2)}`
  const graph = sparkline(rates, Math.min(60, width - 12))
  return [
    ...first,
    ...flow(sums, width).map((each): Line => ({text: each, style: 'bold'})),
    ...flow(counts, width).map((each) => ({text: each})),
    ...(width >= 40 ? flow([...queue, batch], width).map((each): Line => ({text: each, style: 'dim'})) : []),
    ...(graph && width >= 40 ? [{text: `throughput ${graph}`}] : []),
    {text: ''},
  ]
}

/** Parts side by side, on as many lines as they need. */
function flow(parts: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const longer = lines.length > 0 ? `${lines.at(-1)!}  ${part}` : part
    if (lines.length > 0 && columnsOf(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(part)
  }

  return lines
}

const STEPS = ' ▁▂▃▄▅▆▇█'

function sparkline(rates: readonly Amount[], width: number): string {
  const shown = rates.slice(-Math.max(0, width))
  const most = Math.max(0, ...shown.map((rate) => rate ?? 0))
  if (most === 0) return ''
  return shown.map((rate) => STEPS[rate === null ? 0 : Math.ceil((rate / most) * 8)]!).join('')
}

interface Column<T> {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly text: (item: T) => string
}

/** Columns as far as they fit, the first ones first; the very first is cut where it alone is too wide. */
function table<T>(columns: ReadonlyArray<Column<T>>, items: readonly T[], width: number): Line[] {
  const cells = columns.map(({text, title}) => [title, ...items.map((item) => plain(text(item)))])
  const widths = cells.map((column) => Math.max(...column.map(columnsOf)))
  const least = Math.min(widths[0]!, LEAST_NAME)
  let [used, count] = [least, 1]
  while (count < columns.length && used + 2 + widths[count]! <= width) used += 2 + widths[count++]!
  widths[0] = Math.min(widths[0]!, Math.max(least, width - (used - least)))
  return cells[0]!.map((_, row) => ({
    text: cells
      .slice(0, count)
      .map((column, index) => pad(cut(column[row]!, widths[index]!), widths[index]!, columns[index]!.align))
      .join('  '),
    ...(row === 0 && {style: 'bold' as const}),
  }))
}

const LEAST_NAME = 16
type Device = PrintableTop['devices'][number]
type Model = PrintableTop['models'][number]

const dash = (value: Amount, show: (value: number) => string) => (value === null ? '-' : show(value))
const DEVICE_COLUMNS: ReadonlyArray<Column<Device>> = [
  {title: 'DEVICE', align: 'left', text: ({name}) => name},
  {title: 'BREAKER', align: 'left', text: ({breaker}) => breaker},
  {title: 'OPS/S', align: 'right', text: ({perSecond}) => dash(perSecond, formatCount)},
  {title: 'P50', align: 'right', text: ({latency}) => dash(latency?.p50 ?? null, formatLatency)},
  {title: 'P99', align: 'right', text: ({latency}) => dash(latency?.p99 ?? null, formatLatency)},
  {
    title: 'BUSY',
    align: 'right',
    text: ({telemetry}) => dash(telemetry?.utilisation ?? null, (share) => `${Math.round(share * 100)}%`),
  },
  {title: 'MHZ', align: 'right', text: ({telemetry}) => dash(telemetry?.frequencyMhz ?? null, String)},
  {title: 'MEM', align: 'right', text: ({telemetry}) => dash(telemetry?.memoryBytes ?? null, formatBytes)},
  {title: '°C', align: 'right', text: ({telemetry}) => dash(telemetry?.temperatureCelsius ?? null, String)},
  {
    title: 'W',
    align: 'right',
    text: ({telemetry}) => dash(telemetry?.powerWatts ?? null, (watts) => watts.toFixed(2)),
  },
]
const MODEL_COLUMNS: ReadonlyArray<Column<Model>> = [
  {title: 'MODEL', align: 'left', text: ({name}) => name},
  {title: 'OPS/S', align: 'right', text: ({count, perSecond}) => dash(count === 0 ? null : perSecond, formatCount)},
  {title: 'P99', align: 'right', text: ({count, p99}) => dash(count === 0 ? null : p99, formatLatency)},
  {title: 'P50', align: 'right', text: ({count, p50}) => dash(count === 0 ? null : p50, formatLatency)},
  {title: 'STATE', align: 'left', text: ({state}) => state.toLowerCase()},
  {title: 'DEVICE', align: 'left', text: ({devices}) => devices.join(',') || '-'},
  {title: 'OPERATIONS', align: 'right', text: ({count}) => formatCount(count)},
]

const STYLE_OF_BREAKER: Readonly<Record<string, Style>> = {open: 'red', 'half-open': 'yellow'}

function devicesOf({devices}: PrintableTop, width: number): Line[] {
  const lines = table(DEVICE_COLUMNS, devices, width)
  const rows = devices.flatMap(({breaker, reason}, index): Line[] => {
    const style = STYLE_OF_BREAKER[breaker]
    const row = {...lines[index + 1]!, style}
    return reason !== null && breaker !== 'closed' ? [row, {text: `  ${reason}`, style: 'dim'}] : [row]
  })
  return [lines[0]!, ...rows, {text: ''}]
}

function modelsOf({models}: PrintableTop, {isReversed, offset, sort, width}: TopLook): Line[] {
  if (models.length === 0) return []
  const sorted = models.toSorted((a, b) => (isReversed ? -1 : 1) * compare(a, b, sort) || compare(a, b, 'name'))
  const first = Math.min(offset, sorted.length - 1)
  const lines = table(MODEL_COLUMNS, sorted.slice(first), width)
  const title = `${lines[0]!.text}  (${models.length}, by ${sort}${isReversed ? ', reversed' : ''}${first > 0 ? `, from ${first + 1}` : ''})`
  return [{...lines[0]!, text: columnsOf(title) <= width ? title : lines[0]!.text}, ...lines.slice(1)]
}

function compare(a: Model, b: Model, sort: Sort): number {
  switch (sort) {
    case 'name': {
      return a.name.localeCompare(b.name, 'en')
    }

    case 'state': {
      return a.state.localeCompare(b.state, 'en')
    }

    case 'operations': {
      return b.count - a.count
    }

    case 'p99': {
      return (b.p99 ?? -1) - (a.p99 ?? -1)
    }

    case 'ops/s': {
      return (b.perSecond ?? -1) - (a.perSecond ?? -1)
    }
  }
}

function newsOf({advice, errors, fallbacks}: PrintableTop): Line[] {
  const times = (count: number) => (count > 1 ? ` ${formatCount(count)} ×` : '')
  const all: Line[] = [
    ...fallbacks.slice(0, 2).map(({count, from, reason, to}): Line => ({
      text: `! ${from} → ${to}${times(count)}: ${reason}`,
      style: 'yellow',
    })),
    ...errors.slice(0, 3).map(({code, count, message, where}): Line => ({
      text: `✖ ${code}${times(count)} ${where}: ${message}`,
      style: 'red',
    })),
    ...advice.slice(0, 1).map((each): Line => ({text: `→ ${each.advice}`})),
  ]
  return all.length > 0 ? [{text: ''}, ...all] : []
}
