import {styleText} from 'node:util'

export interface PrintableSection {
  readonly name: string
  readonly lines: readonly string[]
}

export interface PrintableProbe {
  readonly subject: string
  readonly headline: {readonly status: 'fail' | 'pass' | 'warn'; readonly title: string}
  readonly sections: readonly PrintableSection[]
}

const SIGNS = {fail: '✖', pass: '✔', warn: '⚠'} as const
const COLOURS = {fail: 'red', pass: 'green', warn: 'yellow'} as const
const INDENT = 2
const LEAST_WIDTH = 32
/** A report wider than this is hard to read, however wide the terminal. */
const MOST_WIDTH = 110

/** The report for a terminal of `width` columns: the answer first, then the facts. */
export function renderProbe(report: PrintableProbe, width: number = terminalWidth()): string {
  return [
    wrap(report.subject, width),
    '',
    renderHeadline(report.headline, width),
    '',
    renderSections(report.sections, width),
  ].join('\n')
}

function renderHeadline({status, title}: PrintableProbe['headline'], width: number): string {
  const sign = styleText(COLOURS[status], SIGNS[status], {stream: process.stdout})
  return `${sign} ${wrap(title, width - 2).replaceAll('\n', '\n  ')}`
}

/** Columns of the terminal; piped output is laid out for 80. */
export function terminalWidth(): number {
  return process.stdout.columns ?? (Number(process.env.COLUMNS) || 80)
}

function renderSections(sections: readonly PrintableSection[], width: number): string {
  const indent = Math.max(...sections.map(({name}) => name.length)) + INDENT * 2
  const room = Math.max(LEAST_WIDTH - indent, Math.min(width, MOST_WIDTH) - indent)
  return sections
    .flatMap(({lines, name}) => {
      const wrapped = lines.flatMap((line) => wrap(line, room).split('\n'))
      return wrapped.map((line, index) => (index === 0 ? '  ' + name : '').padEnd(indent) + line)
    })
    .join('\n')
}

/** Breaks at spaces, and within a word only when it is longer than a line. */
function wrap(text: string, width: number): string {
  const lines: string[] = []
  for (const word of text.split(' ').flatMap((long) => pieces(long, width))) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }

  return lines.join('\n')
}

function pieces(word: string, width: number): string[] {
  const count = Math.max(1, Math.ceil(word.length / width))
  return Array.from({length: count}, (_, index) => word.slice(index * width, (index + 1) * width))
}
