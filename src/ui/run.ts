/** How a run of many operations looks while it goes on (one line that renews itself) and when it is over. */
import {stripVTControlCharacters} from 'node:util'

/** A moment of the run. */
export interface PrintableProgress {
  readonly subjects: readonly string[]
  readonly devices: readonly string[]
  readonly done: number
  readonly read: number
  readonly fraction: number | undefined
  readonly perSecond: number
  readonly p50Us: number | undefined
  readonly p99Us: number | undefined
  readonly failed: number
  readonly skipped: number
}

export interface PrintableFailures {
  readonly kind: 'line' | 'operation'
  readonly code: string
  readonly count: number
  readonly lines: readonly number[]
  readonly message: string
  readonly suggestions: readonly string[]
}

export interface PrintableSummary extends PrintableProgress {
  readonly failures: readonly PrintableFailures[]
  readonly fallbacks: ReadonlyArray<{readonly from: string; readonly reason: string; readonly to: string}>
  readonly stopped: 'closed' | 'failed' | 'interrupted' | undefined
  readonly cancelled: number
  readonly notRun: {readonly complete: boolean; readonly count: number}
}

const BAR_CELLS = 14
/** Eighths of a cell. */
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A whole number with its thousands apart: `1 000`. */
export function formatCount(number: number): string {
  return String(Math.round(number)).replaceAll(/\B(?=(?:\d{3})+$)/g, ' ')
}

/** A time in the unit that people read it in: `95 µs`, `0.4 ms`, `12 ms`, `3.5 s`. */
export function formatMicroseconds(us: number): string {
  if (us < 100) return `${Math.round(us)} µs`
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`
  return `${(us / 1_000_000).toFixed(1)} s`
}

/** One line: ` silero-vad on CPU ▕██████▌       ▏ 500/~1 000 · 7 912/s · p99 0.4 ms · 0 failed`. */
export function renderProgress(progress: PrintableProgress): string {
  const {done, failed, fraction, p99Us, perSecond, skipped} = progress
  const bar = fraction === undefined ? '' : `${renderBar(fraction)} `
  return ` ${title(progress)}${bar}${join([
    `${formatCount(done)}/${total(progress)}`,
    perSecond > 0 && `${formatCount(perSecond)}/s`,
    p99Us !== undefined && `p99 ${formatMicroseconds(p99Us)}`,
    `${formatCount(failed)} failed`,
    skipped > 0 && `${formatCount(skipped)} skipped`,
  ])}`
}

/** What is left to say at the end, one line each; with a bar where there was one before. */
export function renderSummary(summary: PrintableSummary, options: {readonly bar: boolean}): string[] {
  const {cancelled, devices, done, failed, p50Us, p99Us, perSecond, skipped} = summary
  const bar = options.bar ? `${renderBar(1)} ` : ''
  const figures = join([
    count(done - skipped - cancelled, 'operation'),
    perSecond > 0 && `${formatCount(perSecond)}/s`,
    p50Us !== undefined && `p50 ${formatMicroseconds(p50Us)}`,
    p99Us !== undefined && `p99 ${formatMicroseconds(p99Us)}`,
    `${formatCount(failed)} failed`,
    skipped > 0 && `${formatCount(skipped)} skipped`,
  ])
  return [
    ` ${devices.length > 0 && !options.bar ? title(summary).replace(/ $/, ': ') : title(summary)}${bar}${figures}`,
    ...summary.fallbacks.map(({from, reason, to}) => ` ran on ${to}: ${from} rejected: ${printable(reason)}`),
    ...summary.failures.flatMap(renderFailures),
    ...renderStop(summary),
  ]
}

function join(parts: ReadonlyArray<false | string>): string {
  return parts.filter((part) => part !== false).join(' · ')
}

function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`
}

function title({devices, subjects}: PrintableProgress): string {
  if (subjects.length === 0) return ''
  const what = subjects.length > 2 ? 'operations' : subjects.join(' + ')
  return `${printable(devices.length === 0 ? what : `${what} on ${devices.join(' + ')}`)} `
}

/** The total is an estimate until all of a file is read; a stream has what came so far. */
function total({done, fraction, read}: PrintableProgress): string {
  if (fraction === undefined || fraction >= 1) return formatCount(read)
  return fraction > 0 ? `~${formatCount(Math.max(read, done / fraction))}` : '…'
}

function renderBar(fraction: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS * 8)
  const full = '█'.repeat(Math.floor(eighths / 8))
  return `▕${(full + PARTS[eighths % 8]!).padEnd(BAR_CELLS)}▏`
}

function renderFailures({code, count: number, kind, lines, message, suggestions}: PrintableFailures): string[] {
  const what = kind === 'line' ? `${count(number, 'line')} skipped` : `${count(number, 'operation')} failed`
  const more = number - lines.length
  const where = `${lines.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`
  const first = ` ${what}: ${where}: ${printable(message)} (${code})`
  return suggestions.length === 0 ? [first] : [first, `   Try: ${printable(suggestions[0]!)}`]
}

function renderStop({cancelled, notRun, stopped}: PrintableSummary): string[] {
  if (stopped === 'interrupted') return [` interrupted: ${count(cancelled, 'operation')} cancelled`]
  if (stopped !== 'failed') return []
  const lines = count(notRun.count, 'line')
  const left = notRun.complete ? `${lines} not run` : `the rest of the input not run, ${lines} of it already read`
  return [` stopped at the first failure: ${left}`]
}

/** Text that came from outside, without what would move the cursor or break the line. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}+/gu, ' ')
}

/** A terminal, as far as a line that renews itself needs one. */
export type Terminal = Pick<NodeJS.WriteStream, 'columns' | 'write'>

/** Shows the progress on one line of a terminal. */
export class ProgressLine {
  readonly #terminal: Terminal

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  readonly update = (progress: PrintableProgress): void => {
    // A line that wraps could not be replaced; the last column is left free for the cursor.
    this.#terminal.write(
      `\r${renderProgress(progress).slice(0, Math.max(0, (this.#terminal.columns || 80) - 1))}${CLEAR_TO_END}`,
    )
  }

  clear(): void {
    this.#terminal.write(`\r${CLEAR_TO_END}`)
  }
}

const CLEAR_TO_END = '\u{1B}[K'
