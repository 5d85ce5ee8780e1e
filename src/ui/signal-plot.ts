/** Curves and maps as SVG, with axes, ticks and units. */

export interface PlotAxis {
  readonly label: string
  readonly values: ArrayLike<number>
}

export interface PlotView {
  readonly title: string
  readonly x: PlotAxis
  readonly y: PlotAxis
  readonly cells?: {readonly label: string; readonly values: ArrayLike<number>}
  readonly marks: ReadonlyArray<{readonly label: string; readonly x: number}>
}

const WIDTH = 860
const HEIGHT = 460
const LEFT = 78
const RIGHT = 24
const TOP = 44
const BOTTOM = 58
/** Room for the scale of a map. */
const SCALE = 96
/** Cells that are drawn in each direction: more than this nobody sees. */
const MOST_CELLS = 240

interface Range {
  readonly low: number
  readonly high: number
}

/** The whole picture as the text of an SVG file. */
export function renderPlot(view: PlotView): string {
  const isMap = view.cells !== undefined
  const right = WIDTH - RIGHT - (isMap ? SCALE : 0)
  const xRange = rangeOf(view.x.values)
  const yRange = isMap ? rangeOf(view.y.values) : padded(rangeOf(view.y.values))
  const toX = (value: number) => LEFT + ((value - xRange.low) / (xRange.high - xRange.low)) * (right - LEFT)
  const toY = (value: number) =>
    HEIGHT - BOTTOM - ((value - yRange.low) / (yRange.high - yRange.low)) * (HEIGHT - BOTTOM - TOP)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 24, view.title, 'font-size="15" font-weight="bold"'),
    ...(isMap ? mapParts(view, right) : []),
    ...axisParts(view, {right, toX, toY, xRange, yRange}),
    ...(isMap ? [] : [curve(view, toX, toY)]),
    ...view.marks.flatMap((mark, index) => markParts(mark, index, {right, toX})),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

interface Frame {
  readonly right: number
  readonly toX: (value: number) => number
  readonly toY: (value: number) => number
  readonly xRange: Range
  readonly yRange: Range
}

function axisParts({cells, x, y}: PlotView, {right, toX, toY, xRange, yRange}: Frame): string[] {
  const bottom = HEIGHT - BOTTOM
  const grid = cells ? '' : ' stroke="#e4e4e4"'
  return [
    ...ticks(xRange).flatMap((value) => [
      `<line x1="${fixed(toX(value))}" x2="${fixed(toX(value))}" y1="${cells ? bottom : TOP}" y2="${bottom + 5}"${grid || ' stroke="#444"'}/>`,
      text(toX(value), bottom + 20, tickText(value), 'text-anchor="middle"'),
    ]),
    ...ticks(yRange).flatMap((value) => [
      `<line x1="${LEFT - 5}" x2="${cells ? LEFT : right}" y1="${fixed(toY(value))}" y2="${fixed(toY(value))}"${grid || ' stroke="#444"'}/>`,
      text(LEFT - 9, toY(value) + 4, tickText(value), 'text-anchor="end"'),
    ]),
    `<rect x="${LEFT}" y="${TOP}" width="${right - LEFT}" height="${bottom - TOP}" fill="none" stroke="#444"/>`,
    text((LEFT + right) / 2, HEIGHT - 16, x.label, 'text-anchor="middle"'),
    `<text transform="translate(20 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
  ]
}

/** Where there are more points than columns of the picture, each column shows its least and its most. */
function curve({x, y}: PlotView, toX: (value: number) => number, toY: (value: number) => number): string {
  const count = Math.min(x.values.length, y.values.length)
  const group = Math.max(1, Math.ceil(count / (2 * WIDTH)))
  const points: string[] = []
  const add = (at: number) => {
    const value = y.values[at]!
    if (Number.isFinite(value)) points.push(`${fixed(toX(x.values[at]!))},${fixed(toY(value))}`)
  }

  for (let first = 0; first < count; first += group) {
    let [least, greatest] = [first, first]
    for (let at = first; at < Math.min(count, first + group); at++) {
      if (y.values[at]! < y.values[least]!) least = at
      if (y.values[at]! > y.values[greatest]!) greatest = at
    }

    add(Math.min(least, greatest))
    if (least !== greatest) add(Math.max(least, greatest))
  }

  return `<polyline points="${points.join(' ')}" fill="none" stroke="#1f5fa8" stroke-width="1.3"/>`
}

function markParts(
  mark: PlotView['marks'][number],
  index: number,
  {right, toX}: Pick<Frame, 'right' | 'toX'>,
): string[] {
  const x = toX(mark.x)
  const anchor = x > right - 70 ? 'text-anchor="end"' : ''
  return [
    `<line x1="${fixed(x)}" x2="${fixed(x)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#c0392b" stroke-dasharray="3 3"/>`,
    text(x + (anchor ? -5 : 5), TOP + 16 + (index % 4) * 15, mark.label, `fill="#c0392b" ${anchor}`),
  ]
}

function mapParts({cells, x, y}: PlotView, right: number): string[] {
  const [columns, rows] = [x.values.length, y.values.length]
  const [across, down] = [Math.min(columns, MOST_CELLS), Math.min(rows, MOST_CELLS)]
  const {low, high} = rangeOf(cells!.values)
  const [width, height] = [(right - LEFT) / across, (HEIGHT - BOTTOM - TOP) / down]
  const parts: string[] = []
  for (let row = 0; row < down; row++) {
    for (let column = 0; column < across; column++) {
      const value = most(cells!.values, columns, [row, rows, down], [column, columns, across])
      const top = HEIGHT - BOTTOM - (row + 1) * height
      parts.push(
        `<rect x="${fixed(LEFT + column * width)}" y="${fixed(top)}" width="${fixed(width + 0.4)}" height="${fixed(height + 0.4)}" fill="${shade((value - low) / (high - low))}"/>`,
      )
    }
  }

  return [...parts, ...scaleParts(cells!.label, {low, high}, right + 24)]
}

type Cut = readonly [part: number, whole: number, parts: number]

/** The largest of the values that one cell stands for. */
function most(values: ArrayLike<number>, stride: number, rows: Cut, columns: Cut): number {
  let largest = -Infinity
  for (let row = start(rows); row < end(rows); row++) {
    for (let column = start(columns); column < end(columns); column++) {
      largest = Math.max(largest, values[row * stride + column]!)
    }
  }

  return largest
}

function start([part, whole, parts]: Cut): number {
  return Math.floor((part * whole) / parts)
}

function end([part, whole, parts]: Cut): number {
  return Math.max(start([part, whole, parts]) + 1, Math.floor(((part + 1) * whole) / parts))
}

function scaleParts(label: string, range: Range, left: number): string[] {
  const steps = 60
  const height = (HEIGHT - BOTTOM - TOP) / steps
  const bars = Array.from({length: steps}, (_, step) => {
    const top = HEIGHT - BOTTOM - (step + 1) * height
    return `<rect x="${left}" y="${fixed(top)}" width="16" height="${fixed(height + 0.4)}" fill="${shade(step / (steps - 1))}"/>`
  })
  const toY = (value: number) =>
    HEIGHT - BOTTOM - ((value - range.low) / (range.high - range.low)) * (HEIGHT - BOTTOM - TOP)
  return [
    ...bars,
    ...ticks(range).map((value) => text(left + 21, toY(value) + 4, tickText(value))),
    text(left + 8, TOP - 10, label, 'text-anchor="middle"'),
  ]
}

/** From dark blue over green to yellow, lightness rising all the way, so that grey shows the same order. */
function shade(part: number): string {
  const at = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0)) * (SHADES.length - 1)
  const [below, above] = [SHADES[Math.floor(at)]!, SHADES[Math.ceil(at)]!]
  const mixed = below.map((value, index) => Math.round(value + (above[index]! - value) * (at % 1)))
  return `rgb(${mixed.join(',')})`
}

const SHADES = [
  [20, 14, 54],
  [48, 52, 128],
  [36, 102, 142],
  [32, 146, 140],
  [88, 186, 98],
  [186, 214, 52],
  [252, 232, 38],
] as const

function rangeOf(values: ArrayLike<number>): Range {
  let [low, high] = [Infinity, -Infinity]
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- what only is like an array cannot be iterated
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    if (value < low) low = value
    if (value > high) high = value
  }

  if (!Number.isFinite(low) || !Number.isFinite(high)) return {low: 0, high: 1}
  return low === high ? {low: low - 0.5, high: high + 0.5} : {low, high}
}

function padded({low, high}: Range): Range {
  const room = (high - low) * 0.06
  return {low: low - room, high: high + room}
}

/** Round numbers, about six of them. */
function ticks({low, high}: Range): number[] {
  const rough = (high - low) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
  const found: number[] = []
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step)
  return found
}

function tickText(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped(content)}</text>`
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
