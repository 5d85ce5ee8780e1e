import Table from 'cli-table3'
import {stripVTControlCharacters, styleText} from 'node:util'

export interface TableColumn {
  readonly title: string
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right'
}

export interface TableOptions {
  readonly columns: readonly TableColumn[]
  readonly rows: ReadonlyArray<readonly string[]>
  /** Columns of characters to fit in; as many as it takes when undefined. */
  readonly width?: number | undefined
}

const LEAST_COLUMN_WIDTH = 8
const PADDING = 2

/** The width of the terminal that stdout is; undefined when stdout goes elsewhere, where nothing must be wrapped. */
export function stdoutWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined
}

/** A table for stdout. Cells that do not fit the width are wrapped between words. */
export function renderTable({columns, rows, width = stdoutWidth()}: TableOptions): string {
  const widths = columns.map(({title}, index) => {
    const cells = [title, ...rows.map((row) => row[index] ?? '')]
    return {natural: widest(cells, '\n'), words: widest(cells, /[ \n]/)}
  })
  const table = new Table({
    head: columns.map(({title}) => styleText('bold', title, {stream: process.stdout})),
    colAligns: columns.map(({align = 'left'}) => align),
    colWidths: fit(widths, width),
    // Colours are ours to give, by the stream; the library's own would be there in a file too.
    style: {head: [], border: []},
    wordWrap: true,
    wrapOnWordBoundary: true,
  })
  table.push(...rows.map((row) => [...row]))
  return compact(table.toString(), rows.length)
}

/** Takes the lines between rows out, unless rows of several lines need them to be told apart. */
function compact(table: string, rowCount: number): string {
  const lines = table.split('\n')
  const separators = lines.filter((line) => line.startsWith('├')).length
  const isPlain = lines.length === separators + rowCount + 3
  const headEnd = lines.findIndex((line) => line.startsWith('├'))
  return isPlain ? lines.filter((line, index) => index <= headEnd || !line.startsWith('├')).join('\n') : table
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length
}

/** The column that the widest part of `cells` takes. */
function widest(cells: readonly string[], separator: RegExp | string): number {
  return PADDING + Math.max(...cells.flatMap((cell) => cell.split(separator)).map((part) => visibleLength(part)))
}

interface ColumnWidths {
  /** With no cell wrapped. */
  readonly natural: number
  /** With no word broken. */
  readonly words: number
}

/** Narrows the widest columns until all of them and the lines between fit in `width`; breaks words only if it must. */
function fit(columns: readonly ColumnWidths[], width: number | undefined): number[] {
  const natural = columns.map((column) => column.natural)
  if (width === undefined) return natural
  const whole = narrow(
    natural,
    columns.map(({words}) => words),
    width,
  )
  return total(whole) <= width
    ? whole
    : narrow(
        whole,
        columns.map(() => LEAST_COLUMN_WIDTH),
        width,
      )
}

function narrow(from: readonly number[], least: readonly number[], width: number): number[] {
  const widths = [...from]
  while (total(widths) > width) {
    const spare = widths.map((each, index) => (each > least[index]! ? each : 0))
    const largest = Math.max(...spare)
    if (largest === 0) break
    widths[spare.indexOf(largest)] = largest - 1
  }

  return widths
}

/** With the lines between and around. */
function total(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, widths.length + 1)
}
