import {styleText} from 'node:util'

/** The small words of the reports on migrations. */
export type Mark = 'failed' | 'none' | 'ok' | 'warning'

const MARKS = {
  failed: ['red', '✖'],
  none: ['dim', '·'],
  ok: ['green', '✔'],
  warning: ['yellow', '!'],
} as const

/** A mark for stdout, coloured where stdout shows colours. */
export function markOf(kind: Mark): string {
  const [colour, sign] = MARKS[kind]
  return styleText(colour, sign, {stream: process.stdout})
}

export function bold(text: string): string {
  return styleText('bold', text, {stream: process.stdout})
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en').replaceAll(',', ' ')} ${number === 1 ? noun : plural}`
}

/** The first so many lines, and how many there are beyond. */
export function upTo(lines: readonly string[], most: number, more: string): string[] {
  if (lines.length <= most) return [...lines]
  return [...lines.slice(0, most), `… and ${lines.length - most} more: ${more}`]
}

export function indent(lines: readonly string[], by = '  '): string[] {
  return lines.map((line) => (line === '' ? line : by + line))
}

/** A path as it can be pasted into a shell. */
export function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

const DIFF_COLOURS = [
  [/^(?:diff|---|\+\+\+|new file|similarity|copy) ?/, 'bold'],
  [/^@@/, 'cyan'],
  [/^\+/, 'green'],
  [/^-/, 'red'],
] as const

/** A difference in the colours that git uses, where stdout shows colours. */
export function colouredDiff(diff: string): string {
  return diff
    .split('\n')
    .map((line) => {
      const colour = DIFF_COLOURS.find(([pattern]) => pattern.test(line))?.[1]
      return colour ? styleText(colour, line, {stream: process.stdout}) : line
    })
    .join('\n')
}
