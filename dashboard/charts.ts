/** The four charts. What is out of sight is not drawn. */
import UPlot from 'uplot'

import type {Series} from '../src/core/dashboard/history.ts'
import type {HistoryStore} from './history.ts'

import {formatCount, formatLatency} from '../src/ui/units.ts'
import {byId, el, setAttribute, setText} from './dom.ts'

interface Line {
  readonly series: Series
  readonly label: string
  readonly colour: string
  readonly scale?: (value: number) => number
}

interface ChartOptions {
  readonly id: string
  readonly title: string
  readonly lines: readonly Line[]
  readonly format: (value: number | null) => string
  readonly isLogarithmic?: boolean
  /** Where no line has a value. */
  readonly none: string
}

export const RANGES = [
  {label: 'last 15 minutes', seconds: 900},
  {label: 'last 2 hours', seconds: 7200},
  {label: 'last 24 hours', seconds: 86_400},
] as const

const CHARTS: readonly ChartOptions[] = [
  {
    id: 'chart-throughput',
    title: 'Throughput, operations a second',
    lines: [
      {series: 'throughput', label: 'answered', colour: '--accent'},
      {series: 'failures', label: 'failed', colour: '--bad'},
      {series: 'fallbacks', label: 'fell back', colour: '--warn'},
    ],
    format: (value) => (value === null ? '–' : `${formatCount(value)}/s`),
    none: 'Nothing was counted yet.',
  },
  {
    id: 'chart-latency',
    title: 'Latency from submission to answer',
    lines: [
      {series: 'p99', label: 'p99', colour: '--bad'},
      {series: 'p95', label: 'p95', colour: '--warn'},
      {series: 'p50', label: 'p50', colour: '--accent'},
    ],
    format: (value) => (value === null ? '–' : formatLatency(value)),
    isLogarithmic: true,
    none: 'No operation was answered in this time.',
  },
  {
    id: 'chart-queue',
    title: 'Queue, operations',
    lines: [
      {series: 'queueDepth', label: 'waiting', colour: '--second'},
      {series: 'running', label: 'running', colour: '--good'},
    ],
    format: (value) => (value === null ? '–' : formatCount(value)),
    none: 'The engine does not tell of its queue.',
  },
  {
    id: 'chart-npu',
    title: 'NPU telemetry',
    lines: [
      {series: 'utilisation', label: 'busy %', colour: '--accent', scale: (value) => value * 100},
      {series: 'temperatureCelsius', label: '°C', colour: '--bad'},
      {series: 'powerWatts', label: 'W', colour: '--warn'},
      {series: 'frequencyMhz', label: 'MHz ÷ 100', colour: '--second', scale: (value) => value / 100},
    ],
    format: (value) => (value === null ? 'unknown' : formatCount(value)),
    none: 'Unknown: nothing of an NPU can be read on this machine.',
  },
]

const HEIGHT = 170
const LEAST_US = 10
/** What a server that has just been started fills the width with: as much as there is, in steps that divide evenly. */
const SPANS = [60, 150, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000]

class Chart {
  readonly #options: ChartOptions
  readonly #plot: HTMLElement
  readonly #none: HTMLElement
  readonly #values: HTMLElement[]
  readonly #keys: HTMLElement[]
  #chart: UPlot | undefined
  #isVisible = false

  constructor(options: ChartOptions) {
    this.#options = options
    const figure = byId(options.id)
    this.#plot = figure.querySelector<HTMLElement>('.plot')!
    this.#none = el('div', {class: 'none', hidden: ''}, options.none)
    this.#plot.append(this.#none)
    this.#keys = options.lines.map(() => el('i', {'aria-hidden': 'true'}))
    this.#values = options.lines.map(() => el('b'))
    figure
      .querySelector('.legend')!
      .append(
        ...options.lines.map(({label}, index) => el('span', {}, this.#keys[index]!, `${label} `, this.#values[index]!)),
      )
    new IntersectionObserver((entries) => {
      this.#isVisible = entries.at(-1)!.isIntersecting
    }).observe(figure)
    new ResizeObserver(() => {
      this.#chart?.setSize({width: this.#plot.clientWidth, height: HEIGHT})
    }).observe(this.#plot)
  }

  /** In the colours that hold now. */
  create(): void {
    const {format, isLogarithmic = false, lines} = this.#options
    this.#chart?.destroy()
    const [ink, grid] = ['--soft', '--grid'].map(colourOf)
    const axis = {stroke: ink!, grid: {stroke: grid!, width: 1}, ticks: {show: false}, font: '11px system-ui'}
    for (const [index, {colour}] of lines.entries()) this.#keys[index]!.style.background = colourOf(colour)
    this.#chart = new UPlot(
      {
        width: this.#plot.clientWidth,
        height: HEIGHT,
        legend: {show: false},
        cursor: {show: false},
        padding: [8, 14, 0, 0],
        scales: {
          x: {time: false},
          y: isLogarithmic
            ? {distr: 3, range: (_, low, high) => logarithmicRange(low, high)}
            : {range: (_, __, high) => [0, Math.max(1, (high ?? 0) * 1.1)]},
        },
        series: [{}, ...lines.map(({colour}) => ({stroke: colourOf(colour), width: 1.6, points: {show: false}}))],
        axes: [
          {...axis, size: 28, gap: 9, values: (_, values) => values.map(formatSecondsAgo), splits: (u) => splitsOf(u)},
          {
            ...axis,
            size: 62,
            ...(isLogarithmic && {splits: powersOfTen}),
            values: (_, values) => values.map((value) => (value === null ? '' : format(value))),
          },
        ],
      },
      [[], ...lines.map(() => [])],
      this.#plot,
    )
  }

  draw(store: HistoryStore, range: number, now: number): void {
    const {format, lines, title} = this.#options
    const rows = store.tier(range)
    const columns = lines.map(({scale, series}) => {
      const values = rows.series.get(series)!
      return scale ? values.map((value) => (value === null ? null : scale(value))) : values
    })
    const texts = columns.map((values) => format(values.at(-1) ?? null))
    for (const [index, text] of texts.entries()) setText(this.#values[index]!, text)
    const said = lines.map(({label}, index) => `${label} ${texts[index]!}`).join(', ')
    setAttribute(this.#plot, 'aria-label', `${title}, ${RANGES[range]!.label}: now ${said}`)
    this.#none.hidden = columns.some((values) => values.some((value) => value !== null))
    if (!this.#isVisible || !this.#chart) return
    const times = rows.times.map((at) => (at - now) / 1000)
    this.#chart.setData([times, ...columns] as UPlot.AlignedData, false)
    const {seconds} = RANGES[range]!
    const span = SPANS.find((each) => each >= -(times[0] ?? 0)) ?? seconds
    this.#chart.setScale('x', {min: -Math.min(seconds, span), max: 0})
  }
}

function logarithmicRange(low: number | null, high: number | null): [number, number] {
  const least = Math.max(LEAST_US, low ?? LEAST_US)
  const most = Math.max(least * 10, high ?? 1000)
  return [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most))]
}

function powersOfTen(_chart: UPlot, _axis: number, low: number, high: number): number[] {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))]
  return Array.from({length: last - first + 1}, (_, index) => 10 ** (first + index))
}

function splitsOf(chart: UPlot): number[] {
  const {min = -900} = chart.scales.x!
  const parts = chart.width < 420 ? 3 : 5
  return Array.from({length: parts + 1}, (_, index) => min * (1 - index / parts))
}

function formatSecondsAgo(seconds: number): string {
  if (seconds > -1) return 'now'
  const ago = Math.round(-seconds)
  if (ago < 150 || (ago < 600 && ago % 60 !== 0)) return `−${ago} s`
  if (ago < 3600) return `−${Math.round(ago / 60)} min`
  const hours = ago / 3600
  return `−${hours.toFixed(hours % 1 < 0.05 ? 0 : 1)} h`
}

/** A custom property as a canvas takes it. */
function colourOf(property: string): string {
  const probe = el('span')
  probe.style.color = `var(${property})`
  document.body.append(probe)
  const {color} = getComputedStyle(probe)
  probe.remove()
  return color
}

export class Charts {
  readonly #charts = CHARTS.map((options) => new Chart(options))

  create(): void {
    for (const chart of this.#charts) chart.create()
  }

  draw(store: HistoryStore, range: number): void {
    const now = performance.now()
    for (const chart of this.#charts) chart.draw(store, range, now)
  }
}
