/** What came of a search, for a terminal. */
import {mark} from '../mark.ts'
import {renderTable} from '../table.ts'
import {textWidth, wrap} from '../text.ts'
import {formatBytes, formatSeconds} from '../units.ts'
import {letterOf, type PlottedPoint, renderPlot} from './plot.ts'

export interface PrintableFigures {
  readonly throughput: number
  readonly p50Us: number
  readonly p99Us: number
  readonly loadedP99Us: number
  readonly joules: null | number
  readonly memoryBytes: null | number
}

export interface PrintableTuneReport {
  readonly model: string
  readonly device: string
  readonly runtime: null | string
  readonly objective: string
  readonly settings: ReadonlyArray<{
    readonly name: string
    readonly figures: PrintableFigures
    readonly broken: readonly string[]
    readonly front: boolean
  }>
  readonly winner: null | string
  readonly explanation: readonly string[]
  readonly skipped: ReadonlyArray<{readonly name: string; readonly reason: string}>
  readonly outrun: number
  readonly untried: number
  readonly energy: string
  readonly advice: readonly PrintableAdvice[]
  readonly seconds: number
  readonly interrupted: boolean
}

export interface PrintableAdvice {
  readonly advice: string
  readonly because: string
}

const COLUMNS = [
  {title: ''},
  {title: 'setting'},
  {title: 'ops/s', align: 'right'},
  {title: 'p50 alone', align: 'right'},
  {title: 'p99 alone', align: 'right'},
  {title: 'p99 loaded', align: 'right'},
  {title: 'memory', align: 'right'},
] as const

export function renderTune(report: PrintableTuneReport): string {
  const {advice, device, interrupted, model, objective, runtime, settings} = report
  const points = pointsOf(report)
  const head = `${model} on ${device} (OpenVINO ${runtime?.split('-', 1)[0] ?? 'unknown'}), tuned for ${objective}`
  return [
    interrupted ? `${head}; interrupted: what was measured until then` : head,
    renderTable({columns: [...COLUMNS], rows: settings.map((setting, index) => rowOf(setting, index, report))}),
    '',
    renderPlot(points),
    '',
    ...paragraphs(report.explanation),
    ...advice.flatMap((each) => renderAdvice(each)),
    ...paragraphs([footer(report)]),
    ...skippedLines(report),
  ].join('\n')
}

export function pointsOf({settings, winner}: PrintableTuneReport): PlottedPoint[] {
  return settings.map(({figures, front, name}) => ({
    front,
    name,
    winner: name === winner,
    x: figures.p50Us,
    y: figures.throughput,
  }))
}

function rowOf(
  {broken, figures, front, name}: PrintableTuneReport['settings'][number],
  index: number,
  {winner}: PrintableTuneReport,
): string[] {
  const state = mark(name === winner ? 'ok' : broken.length > 0 ? 'failed' : 'none')
  return [
    `${state} ${letterOf(index, {front})}`,
    [name, broken.join(', ')].filter(Boolean).join(': '),
    figure(figures.throughput),
    time(figures.p50Us),
    time(figures.p99Us),
    time(figures.loadedP99Us),
    figures.memoryBytes === null ? 'unknown' : formatBytes(figures.memoryBytes),
  ]
}

export function renderAdvice({advice, because}: PrintableAdvice): string[] {
  return [...wrap(`${mark('warning')} ${advice}`, textWidth()), ...wrap(`  ${because}`, textWidth())]
}

/** Advice alone, from a snapshot. */
export function renderAdviceReport(advice: readonly PrintableAdvice[]): string {
  if (advice.length === 0) return `${mark('ok')} Nothing to change: no figure of the snapshot asks for it.`
  return advice.flatMap((each) => renderAdvice(each)).join('\n')
}

function footer({energy, outrun, seconds, settings, skipped, untried}: PrintableTuneReport): string {
  const [first] = settings
  const joules = first?.figures.joules
  const perOperation =
    joules === null || joules === undefined ? '' : `${(joules * 1000).toPrecision(3)} mJ an operation, `
  const untriedText = untried > 0 ? `, ${untried} not tried for want of time (--time-limit)` : ''
  return `${settings.length + outrun} settings tried in ${formatSeconds(seconds)}, ${skipped.length} skipped${untriedText} · energy: ${perOperation}${energy}`
}

function skippedLines({skipped}: PrintableTuneReport): string[] {
  const byReason = Map.groupBy(skipped, ({reason}) => reason)
  return [...byReason].flatMap(([reason, names]) => {
    const what = names.length === 1 ? names[0]!.name : `${names.length} settings`
    return wrap(`  skipped ${what}: ${reason}`, textWidth())
  })
}

function paragraphs(sentences: readonly string[]): string[] {
  return sentences.flatMap((sentence) => wrap(sentence, textWidth()))
}

function figure(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(value < 100_000 ? 2 : 1)} K` : value.toFixed(value < 10 ? 2 : 0)
}

function time(us: number): string {
  return us < 1000 ? `${us.toFixed(us < 100 ? 1 : 0)} µs` : `${(us / 1000).toPrecision(3)} ms`
}

/** What was done with the winner, and how to use it or undo that. */
export function renderSaved(name: string, {interrupted, saved}: {interrupted: boolean; saved: null | string}): string {
  if (saved === null) return `The profile ${name} was not saved: ${interrupted ? 'interrupted' : 'there is no winner'}`
  return `${mark('ok')} Saved as ${name} in ${saved}\n  Use it: npubridge run ops.jsonl --profile ${name}\n  Undo: take profiles.${name} out of that file`
}
