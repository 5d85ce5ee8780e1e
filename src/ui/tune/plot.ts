/** Settings as points of latency and throughput: for a terminal in characters, for a page as SVG. */
import {escapeHtml} from '../bench/chart.ts'
import {rangeScale, type Scale} from '../bench/scale.ts'

export interface PlottedPoint {
  readonly name: string
  /** Microseconds. */
  readonly x: number
  /** Operations a second. */
  readonly y: number
  readonly front: boolean
  readonly winner: boolean
}

const COLUMNS = 56
const ROWS = 12
const MARGIN = 9

/** Letters stand for the settings in the order of the table; those on the front are capitals. */
export function renderPlot(points: readonly PlottedPoint[]): string {
  if (points.length === 0) return ''
  const [x, y] = scalesOf(points)
  const grid = Array.from({length: ROWS}, () => Array.from({length: COLUMNS}, () => ' '))
  // The winner is drawn last: it must not be hidden by what is as good.
  for (const [index, point] of [...points.entries()].toSorted(([, a], [, b]) => Number(a.winner) - Number(b.winner))) {
    const column = Math.round(x.at(point.x) * (COLUMNS - 1))
    const row = ROWS - 1 - Math.round(y.at(point.y) * (ROWS - 1))
    grid[row]![column] = letterOf(index, point)
  }

  const lines = grid.map((row, index) => {
    const value = y.ticks.find((tick) => ROWS - 1 - Math.round(y.at(tick) * (ROWS - 1)) === index)
    return `${(value === undefined ? '' : short(value)).padStart(MARGIN - 2)} ┤${row.join('').trimEnd()}`
  })
  return [
    `${' '.repeat(MARGIN - 2)} operations a second`,
    ...lines,
    `${' '.repeat(MARGIN - 1)}└${'─'.repeat(COLUMNS)}`,
    `${' '.repeat(MARGIN)}${below(x)}`,
    `${' '.repeat(MARGIN)}one operation alone, p50 · capitals: nothing is better in both`,
  ].join('\n')
}

export function letterOf(index: number, {front}: Pick<PlottedPoint, 'front'>): string {
  const letter = String.fromCodePoint('a'.codePointAt(0)! + (index % 26))
  return front ? letter.toUpperCase() : letter
}

function below(x: Scale): string {
  let line = ''
  for (const tick of x.ticks) {
    const at = Math.round(x.at(tick) * (COLUMNS - 1))
    const label = time(tick)
    if (at >= line.length + (line === '' ? 0 : 1) && at + label.length <= COLUMNS + 6) line = line.padEnd(at) + label
  }

  return line
}

function scalesOf(points: readonly PlottedPoint[]): [Scale, Scale] {
  return [rangeScale(points.map(({x}) => x)), rangeScale(points.map(({y}) => y))]
}

const WIDTH = 640
const HEIGHT = 360
const PLOT = {left: 70, right: WIDTH - 24, top: 16, bottom: HEIGHT - 48}

/** A figure with a line through the front; names are beside their points and in their titles. */
export function renderSvg(points: readonly PlottedPoint[]): string {
  const [x, y] = scalesOf(points)
  const left = (value: number) => Math.round(PLOT.left + x.at(value) * (PLOT.right - PLOT.left))
  const top = (value: number) => Math.round(PLOT.bottom - y.at(value) * (PLOT.bottom - PLOT.top))
  const grid = [
    ...y.ticks.map(
      (tick) =>
        `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${top(tick)}" y2="${top(tick)}"/><text class="tick" x="${PLOT.left - 8}" y="${top(tick) + 4}" text-anchor="end">${short(tick)}</text>`,
    ),
    ...x.ticks.map(
      (tick) =>
        `<text class="tick" x="${left(tick)}" y="${PLOT.bottom + 18}" text-anchor="middle">${time(tick)}</text>`,
    ),
  ]
  const front = points
    .filter((point) => point.front)
    .toSorted((a, b) => a.x - b.x)
    .map((point) => `${left(point.x)} ${top(point.y)}`)
  const marks = points.map((point, index) => {
    const [px, py] = [left(point.x), top(point.y)]
    const shape = point.winner
      ? `<path class="winner" d="M${px} ${py - 8} L${px + 8} ${py} L${px} ${py + 8} L${px - 8} ${py} Z"/>`
      : `<circle class="${point.front ? 'front' : 'behind'}" cx="${px}" cy="${py}" r="5"/>`
    const tip = `${point.name}: ${short(point.y)}/s, ${time(point.x)}`
    return `<g><title>${escapeHtml(tip)}</title>${shape}<text class="name" x="${px + 11}" y="${py - 6}">${letterOf(index, point)}</text></g>`
  })
  const title = 'Settings by latency and throughput'
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${grid.join('')}<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/><path class="line" d="M${front.join(' L')}"/>${marks.join('')}<text class="title" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">one operation alone, p50</text><text class="title" x="${PLOT.left}" y="${PLOT.top - 4}">operations a second</text></svg></figure>`
}

function short(value: number): string {
  return value >= 1000 ? `${Number((value / 1000).toPrecision(3))} K` : String(Number(value.toPrecision(3)))
}

function time(us: number): string {
  return us >= 1000 ? `${Number((us / 1000).toPrecision(3))} ms` : `${Number(us.toPrecision(3))} µs`
}
