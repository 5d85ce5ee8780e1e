/** Lines that fit: for reports that are read, not parsed. */

/** A report wider than this is hard to read, however wide the terminal. */
const MOST_WIDTH = 110
const LEAST_WIDTH = 32

/** Columns to write for: the terminal's, COLUMNS when piped, else 80. */
export function textWidth(): number {
  const columns = process.stdout.columns ?? (Number(process.env.COLUMNS) || 80)
  return Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, columns))
}

/** Breaks at spaces, and within a word only when it is longer than a line; runs of spaces stay. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  const words = text.split(' ').flatMap((word) => pieces(word, width))
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }

  return lines.map((line) => line.trimEnd())
}

/** `text` behind `label`, later lines under the first. */
export function labelled(label: string, text: string, width: number): string[] {
  const blank = ' '.repeat(label.length)
  return wrap(text, width - label.length).map((line, index) => (index === 0 ? label : blank) + line)
}

function pieces(word: string, width: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / width))
  return Array.from({length: count}, (_, index) => word.slice(index * width, (index + 1) * width))
}
