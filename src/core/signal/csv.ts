/** Samples as comma-separated values: a column for each channel, a row for each moment, perhaps a line of names. */
import type {Tensor} from '../engine/engine.ts'

import {NpuBridgeError} from '../errors.ts'

/** @throws {NpuBridgeError} INVALID_ARGUMENT naming line and column of what is no number, or of a row that is too short */
export function parseCsv(text: string, name: string): Tensor {
  const lines = text.split(/\r?\n/)
  const rows: number[][] = []
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const cells = line.split(/[,;\t]/).map((cell) => cell.trim())
    const numbers = cells.map((cell) => numberOf(cell))
    // Names stand above the numbers.
    if (rows.length === 0 && index === 0 && numbers.includes(undefined)) continue
    const wrong = numbers.indexOf(undefined)
    if (wrong !== -1) throw invalid(name, index, `column ${wrong + 1} is "${cells[wrong]}", which is no number`)
    if (rows.length > 0 && numbers.length !== rows[0]!.length) {
      throw invalid(name, index, `has ${numbers.length} columns, the first row has ${rows[0]!.length}`)
    }

    rows.push(numbers as number[])
  }

  if (rows.length === 0) throw new NpuBridgeError('INVALID_ARGUMENT', `${name} has no samples`)
  const channels = rows[0]!.length
  const data = new Float64Array(channels * rows.length)
  for (const [at, row] of rows.entries()) {
    for (const [channel, value] of row.entries()) data[channel * rows.length + at] = value
  }

  return {data, shape: channels === 1 ? [rows.length] : [channels, rows.length]}
}

function numberOf(cell: string): number | undefined {
  if (/^[+-]?nan$/i.test(cell)) return NaN
  const value = Number(cell)
  return cell === '' || Number.isNaN(value) ? undefined : value
}

function invalid(name: string, index: number, what: string): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${name}, line ${index + 1}: ${what}`)
}

/** A column for each row of a tensor of two dimensions; one column for one dimension. */
export function encodeCsv({data, shape}: Tensor): string {
  const length = shape.at(-1) ?? 1
  const columns = data.length / Math.max(length, 1)
  const lines: string[] = []
  for (let at = 0; at < length; at++) {
    const cells: string[] = []
    for (let column = 0; column < columns; column++) cells.push(String(data[column * length + at]))
    lines.push(cells.join(','))
  }

  return `${lines.join('\n')}\n`
}
