/** Plots as SVG, without scripts; colours come from the style of the page, by the class of the side. */
import type {Scale} from './scale.ts'

import {sideTitle} from './figure.ts'

export interface Line {
  /** The key of the side. */
  readonly side: string
  readonly points: ReadonlyArray<readonly [number, number]>
}

export interface Axis {
  readonly title: string
  readonly scale: Scale
  readonly label: (value: number) => string
}

export interface LineChart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  /** Whether points are marked: not where there are so many that they would hide the line. */
  readonly marked: boolean
}

const WIDTH = 480
const HEIGHT = 270
const PLOT = {left: 64, right: WIDTH - 26, top: 12, bottom: HEIGHT - 44}

/** A figure with a legend, the plot and a name for those who cannot see it. */
export function renderLineChart(chart: LineChart): string {
  const {lines, title, x, y} = chart
  const left = (value: number) => round(PLOT.left + x.scale.at(value) * (PLOT.right - PLOT.left))
  const top = (value: number) => round(PLOT.bottom - y.scale.at(value) * (PLOT.bottom - PLOT.top))
  const grid = y.scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${top(tick)}" y2="${top(tick)}"/>` +
      `<text class="tick" x="${PLOT.left - 8}" y="${top(tick) + 4}" text-anchor="end">${escapeHtml(y.label(tick))}</text>`,
  )
  const below = x.scale.ticks.map(
    (tick) =>
      `<line class="axis" x1="${left(tick)}" x2="${left(tick)}" y1="${PLOT.bottom}" y2="${PLOT.bottom + 4}"/>` +
      `<text class="tick" x="${left(tick)}" y="${PLOT.bottom + 17}" text-anchor="middle">${escapeHtml(x.label(tick))}</text>`,
  )
  const drawn = lines.map(({points, side}) => {
    const places = points.map(([px, py]) => [left(px), top(py)] as const)
    const path = places.map((place) => place.join(' ')).join(' L')
    const marks = points.map(([px, py], index) => {
      const tip = `${sideTitle(side)}: ${y.label(py)} at ${x.label(px)}`
      return `<g><title>${escapeHtml(tip)}</title>${renderMark(side, ...places[index]!)}</g>`
    })
    return `<g class="side ${classOf(side)}"><path d="M${path}"/>${chart.marked ? marks.join('') : ''}</g>`
  })
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>${renderLegend(lines)}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${grid.join('')}<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>${below.join('')}${drawn.join('')}<text class="title" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(x.title)}</text></svg></figure>`
}

function renderLegend(lines: readonly Line[]): string {
  const items = lines.map(
    ({side}) =>
      `<li><svg class="key" viewBox="0 0 22 10"><g class="side ${classOf(side)}"><path d="M0 5 L22 5"/>${renderMark(side, 11, 5)}</g></svg>${escapeHtml(sideTitle(side))}</li>`,
  )
  return `<ul class="legend">${items.join('')}</ul>`
}

/** A shape for each side, so that colour is not all that tells them apart. */
function renderMark(side: string, x: number, y: number): string {
  switch (side) {
    case 'accelerated': {
      return `<circle cx="${x}" cy="${y}" r="4"/>`
    }

    case 'legacy_as_shipped': {
      return `<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`
    }

    case 'legacy_without_sleep': {
      return `<path class="mark" d="M${x} ${y - 4.5} L${x + 4.5} ${y + 3.5} L${x - 4.5} ${y + 3.5} Z"/>`
    }

    default: {
      return `<path class="mark" d="M${x} ${y - 5} L${x + 5} ${y} L${x} ${y + 5} L${x - 5} ${y} Z"/>`
    }
  }
}

export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  /** Where a mark stands for what was promised. */
  readonly target: number | null
}

const BAR_HEIGHT = 24
const LABEL_WIDTH = 250
const BARS_WIDTH = 760

/** Horizontal bars that begin at 1 on a logarithmic axis: to the right is better, to the left is worse. */
export function renderBars(
  title: string,
  bars: readonly Bar[],
  scale: Scale,
  label: (value: number) => string,
): string {
  const height = bars.length * BAR_HEIGHT + 32
  const left = (value: number) => round(LABEL_WIDTH + scale.at(value) * (BARS_WIDTH - LABEL_WIDTH - 70))
  const grid = scale.ticks.map(
    (tick) =>
      `<line class="${tick === 1 ? 'axis' : 'grid'}" x1="${left(tick)}" x2="${left(tick)}" y1="4" y2="${height - 24}"/>` +
      `<text class="tick" x="${left(tick)}" y="${height - 8}" text-anchor="middle">${escapeHtml(label(tick))}</text>`,
  )
  const drawn = bars.map(({label: name, target, text, value}, index) => {
    const y = 6 + index * BAR_HEIGHT
    const [from, to] = [Math.min(left(1), left(value)), Math.max(left(1), left(value))]
    const promised =
      target === null
        ? ''
        : `<line class="target" x1="${left(target)}" x2="${left(target)}" y1="${y - 1}" y2="${y + 19}"><title>target ${escapeHtml(label(target))}</title></line>`
    return (
      `<text class="name" x="${LABEL_WIDTH - 10}" y="${y + 13}" text-anchor="end">${escapeHtml(name)}</text>` +
      `<rect class="${value >= 1 ? 'better' : 'worse'}" x="${from}" y="${y + 1}" width="${round(Math.max(1, to - from))}" height="16" rx="2"/>${promised}` +
      `<text class="value" x="${Math.max(to, target === null ? 0 : left(target)) + 6}" y="${y + 13}">${escapeHtml(text)}</text>`
    )
  })
  return `<figure class="wide"><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 ${BARS_WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}">${grid.join('')}${drawn.join('')}</svg></figure>`
}

/** Sides that have a colour of their own; the others take the next ones in turn. */
function classOf(side: string): string {
  return `side-${side.replaceAll(/[^a-z\d_-]/gi, '')}`
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
