import {styleText} from 'node:util'

import {labelled, textWidth, wrap} from './text.ts'

export type PrintableStatus = 'fail' | 'pass' | 'skip' | 'unknown' | 'warn'

export interface PrintableFinding {
  readonly id: string
  readonly title: string
  readonly status: PrintableStatus
  readonly evidence: readonly string[]
  readonly headline: string | null
  readonly remedy: readonly string[]
  readonly source: string
}

export interface PrintableProbe {
  readonly subject: string
  readonly headline: {
    readonly status: 'fail' | 'pass' | 'warn'
    readonly title: string
    readonly details: readonly string[]
    readonly also: readonly string[]
    readonly fix: readonly string[]
    readonly check: string | null
  }
  readonly sections: ReadonlyArray<{readonly name: string; readonly lines: readonly string[]; readonly detail: boolean}>
  readonly checks: readonly PrintableFinding[]
  readonly counts: Readonly<Record<PrintableStatus, number>>
}

/** Every sign has a word beside it, for terminals and people without colour. */
const SIGNS: Readonly<
  Record<PrintableStatus, {readonly sign: string; readonly colour: 'dim' | 'green' | 'red' | 'yellow'}>
> = {
  fail: {colour: 'red', sign: '✖'},
  pass: {colour: 'green', sign: '✔'},
  skip: {colour: 'dim', sign: '·'},
  unknown: {colour: 'yellow', sign: '?'},
  warn: {colour: 'yellow', sign: '⚠'},
}

const INDENT = ' '.repeat(10)

/** The report for a terminal: the answer first, then what to do, then the facts, then how sure they are. */
export function renderProbe(report: PrintableProbe, options: {all?: boolean; width?: number} = {}): string {
  const {all = false, width = textWidth()} = options
  return [
    ...wrap(report.subject, width),
    '',
    ...renderHeadline(report.headline, width),
    '',
    ...renderSections(
      report.sections.filter(({detail}) => all || !detail),
      width,
    ),
    '',
    ...(all ? [renderFindings(report, {width}), ''] : []),
    ...labelled('  ', renderCounts(report) + (all ? '' : ' — npubridge probe --all'), width),
  ].join('\n')
}

function renderHeadline(
  {also, check, details, fix, status, title}: PrintableProbe['headline'],
  width: number,
): string[] {
  const why = check ? labelled('  Why:   ', `npubridge probe --explain ${check}`, width) : []
  return [
    ...withMark(status, labelled('  ', title, width)),
    ...details.flatMap((detail) => labelled('  ', detail, width)),
    ...renderFix(fix, width),
    ...why,
    ...also.flatMap((line) => labelled('  Also:  ', line, width)),
  ]
}

function renderFix(fix: readonly string[], width: number): string[] {
  return fix.flatMap((line, index) => labelled(index === 0 ? '  Fix:   ' : '         ', line, width))
}

function renderSections(sections: PrintableProbe['sections'], width: number): string[] {
  const column = Math.max(0, ...sections.map(({name}) => name.length)) + 4
  return sections.flatMap(({lines, name}) =>
    lines.flatMap((line, index) => labelled((index === 0 ? `  ${name}` : '').padEnd(column), line, width)),
  )
}

/** One line a check, with its evidence below where it did not pass. */
export function renderFindings(
  {checks}: Pick<PrintableProbe, 'checks'>,
  {width = textWidth()}: {width?: number} = {},
): string {
  return checks.flatMap((finding) => renderFinding(finding, width)).join('\n')
}

function renderFinding({evidence, id, remedy, status, title}: PrintableFinding, width: number): string[] {
  const head = labelled(`  ${status.padEnd(8)}`, `${title} (${id})`, width)
  const shown = status === 'pass' ? evidence.slice(0, 1) : evidence
  return [
    ...withMark(status, head),
    ...shown.flatMap((line) => labelled(INDENT, line, width)),
    ...remedy.flatMap((line) => labelled(`${INDENT}fix: `, line, width)),
  ]
}

/** All about one check. */
export function renderExplanation(
  finding: PrintableFinding & {readonly explanation: string},
  {width = textWidth()}: {width?: number} = {},
): string {
  const {evidence, explanation, id, remedy, source, status, title} = finding
  return [
    ...wrap(`${title} (${id})`, width),
    '',
    ...wrap(explanation, width),
    '',
    ...withMark(status, labelled('  ', `${status} here: ${evidence.join('; ')}`, width)),
    '',
    'What to do when it fails:',
    ...remedy.flatMap((line) => labelled('  - ', line, width)),
    '',
    ...labelled('Seen in: ', source, width),
  ].join('\n')
}

/** What a snapshot holds, and how to look at it. */
export function renderCaptured({file, files}: {readonly file: string; readonly files: number}): string {
  return `Saved what a probe reads (${files} files) in ${file}, without names.\nLook at it: npubridge probe --root ${file}`
}

function renderCounts({checks, counts}: PrintableProbe): string {
  const {fail, pass, skip, unknown, warn} = counts
  const rootless = checks.filter(
    (check) => check.status === 'unknown' && check.evidence.some((line) => line.endsWith('needs root')),
  )
  const parts = [
    `${pass} ${pass === 1 ? 'check' : 'checks'} passed`,
    fail > 0 && `${fail} failed`,
    warn > 0 && `${warn} with a warning`,
    unknown > 0 && `${unknown} unknown${rootless.length === unknown ? ' (needs root)' : ''}`,
    skip > 0 && `${skip} skipped`,
  ].filter(Boolean)
  return parts.join(' · ')
}

/** Puts the sign of a status in place of the first column. */
function withMark(status: PrintableStatus, lines: readonly string[]): string[] {
  const {colour, sign} = SIGNS[status]
  const [first = '', ...others] = lines
  return [styleText(colour, sign, {stream: process.stdout}) + first.slice(1), ...others]
}
