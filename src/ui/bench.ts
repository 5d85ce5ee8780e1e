/** How a benchmark looks: the table of its figures, what they come from, and progress while they are measured. */
import {styleText} from 'node:util'

import {mark} from './mark.ts'
import {renderTable, stdoutWidth} from './table.ts'
import {wrap} from './wrap.ts'

export interface PrintableSide {
  readonly status: 'failed' | 'measured' | 'not_available' | 'not_run'
  readonly reason: string | null
  readonly median: number | null
  readonly ci95: readonly [number, number] | null
}

export interface PrintableMetric {
  readonly name: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly sides: Readonly<Record<string, PrintableSide>>
  readonly ratio: number | null
  readonly target: number | null
  readonly target_kind: 'ratio' | 'value' | null
  readonly met: boolean | null
}

export interface PrintableSuite {
  readonly name: string
  readonly metrics: readonly PrintableMetric[]
  readonly notes: readonly string[]
}

export interface PrintableReport {
  readonly environment: {
    readonly accelerated: {
      readonly engine: string
      readonly device: string | null
      readonly device_name: string | null
      readonly runtime: string | null
    } | null
    readonly cpu: {readonly cores: number; readonly model: string}
    readonly legacy: {readonly module: string; readonly python: string} | null
    readonly warnings: readonly string[]
  }
  readonly suites: readonly PrintableSuite[]
  readonly checks: ReadonlyArray<{
    readonly bound: number
    readonly kind: 'above' | 'below'
    readonly met: boolean
    readonly metric: string
    readonly value: number | null
  }>
}

const SIDES = [
  {key: 'legacy_as_shipped', title: 'legacy as shipped'},
  {key: 'legacy_without_sleep', title: 'legacy without sleep'},
  {key: 'accelerated', title: 'accelerated'},
] as const

/** Narrower than this, a table would break its words; the figures are listed instead. */
const LEAST_TABLE_WIDTH = 80
const LABEL_WIDTH = 22

const STATUS = {failed: 'failed', not_available: 'none', not_run: 'not run'} as const

/** The whole report for a terminal of `width` columns; undefined for a file or a pipe. */
export function renderBench(report: PrintableReport, width = stdoutWidth()): string {
  const footnotes = new Footnotes()
  const figures =
    width !== undefined && width < LEAST_TABLE_WIDTH
      ? report.suites.flatMap((suite) => renderList(suite, footnotes)).join('\n')
      : renderFigures(report.suites, footnotes, width)
  const below = [
    ...footnotes.lines,
    'Improvement compares with the legacy module without its sleep. ± is half of a 95 % confidence interval of the median.',
    ...report.environment.warnings.map((warning) => `${mark('warning')} ${warning}`),
    ...report.suites.flatMap(({name, notes}) => notes.map((note) => `${name}: ${note}`)),
  ]
  return [
    ...wrapAll(heading(report.environment), width),
    '',
    figures,
    ...wrapAll(below, width),
    ...wrapAll(report.checks.map(renderCheck), width),
  ].join('\n')
}

function heading({accelerated, cpu, legacy}: PrintableReport['environment']): string[] {
  const module = legacy?.module === 'reference' ? 'the reference of the old module' : legacy?.module
  const processor = `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`
  const device = accelerated?.device_name && accelerated.device !== 'CPU' ? `${accelerated.device_name}; ` : ''
  return [
    `Legacy: ${legacy ? `${module} on Python ${legacy.python}` : 'cannot be run, see below'}`,
    accelerated
      ? `Accelerated: ${accelerated.engine} engine on ${accelerated.device ?? 'no device'} (${device}${processor})${runtimeOf(accelerated)}`
      : 'Accelerated: cannot be run, see below',
  ]
}

function runtimeOf({runtime}: {readonly runtime: string | null}): string {
  return runtime === null ? '' : `, OpenVINO ${/^[\d.]+/.exec(runtime)?.[0] ?? runtime}`
}

/** Numbers reasons, so that a cell can point to one that does not fit into it. */
class Footnotes {
  readonly #reasons: string[] = []

  get lines(): string[] {
    return this.#reasons.map((reason, index) => `${superscript(index + 1)} ${reason}`)
  }

  markOf(reason: string): string {
    if (!this.#reasons.includes(reason)) this.#reasons.push(reason)
    return superscript(this.#reasons.indexOf(reason) + 1)
  }
}

function superscript(number: number): string {
  return [...String(number)].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!).join('')
}

function renderFigures(suites: readonly PrintableSuite[], footnotes: Footnotes, width: number | undefined): string {
  return renderTable({
    columns: [
      {title: 'metric'},
      ...SIDES.map(({title}) => ({title, align: 'right' as const})),
      {title: 'improvement', align: 'right'},
      {title: 'target', align: 'right'},
      {title: 'met'},
    ],
    rows: suites.flatMap(({metrics, name}) =>
      metrics.map((metric) => [
        `${name} ${titleOf(metric)}`,
        ...SIDES.map(({key}) => renderSide(metric, metric.sides[key], footnotes)),
        renderImprovement(metric),
        renderTarget(metric),
        renderMet(metric.met),
      ]),
    ),
    width,
  })
}

function renderList({metrics, name}: PrintableSuite, footnotes: Footnotes): string[] {
  return metrics.flatMap((metric) => [
    styleText('bold', `${name} ${titleOf(metric)}`, {stream: process.stdout}),
    ...SIDES.map(({key, title}) => line(title, renderSide(metric, metric.sides[key], footnotes))),
    line('improvement', renderImprovement(metric)),
    ...(metric.target === null ? [] : [line('target', `${renderTarget(metric)} ${renderMet(metric.met)}`)]),
    '',
  ])
}

function line(label: string, value: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${value}`
}

function titleOf({name, unit}: PrintableMetric): string {
  const words = name.replaceAll('_', ' ')
  if (unit === 'bytes/op') return `${words} per operation`
  return unit === 'bytes' || unit === 'us' ? words : `${words}, ${unit}`
}

function renderSide(metric: PrintableMetric, side: PrintableSide | undefined, footnotes: Footnotes): string {
  if (!side) return mark('none')
  if (side.status !== 'measured') return `${STATUS[side.status]} ${footnotes.markOf(side.reason ?? 'unknown')}`
  const half = side.ci95 === null ? null : (side.ci95[1] - side.ci95[0]) / 2
  return renderFigure(side.median!, half, metric.unit)
}

/** A value with its uncertainty, both in the unit that suits the value: `24.6 K ± 0.4`. */
function renderFigure(value: number, half: number | null, unit: string): string {
  const {digits, factor, suffix} = scaleOf(value, unit)
  const uncertainty = half === null ? '' : ` ±${NO_BREAK}${(half / factor).toFixed(digits)}`
  return `${`${(value / factor).toFixed(digits)}${NO_BREAK}${suffix}`.trimEnd()}${uncertainty}`
}

const NO_BREAK = '\u{A0}'

const SCALES: Readonly<Record<'bytes' | 'count' | 'us', ReadonlyArray<readonly [number, string]>>> = {
  bytes: [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'KB'],
    [1, 'B'],
  ],
  count: [
    [1e6, 'M'],
    [1e3, 'K'],
    [1, ''],
  ],
  us: [
    [1e6, 's'],
    [1e3, 'ms'],
    [1, 'µs'],
  ],
}

function scaleOf(value: number, unit: string): {digits: number; factor: number; suffix: string} {
  const scales = SCALES[unit === 'us' ? 'us' : unit.startsWith('bytes') ? 'bytes' : 'count']
  const [factor, suffix] = scales.find(([least]) => Math.abs(value) >= least) ?? scales.at(-1)!
  const scaled = Math.abs(value / factor)
  return {digits: scaled >= 100 || Number.isSafeInteger(scaled) ? 0 : 1, factor, suffix}
}

function renderImprovement({better, ratio, sides}: PrintableMetric): string {
  if (ratio !== null) return renderRatio(ratio)
  const [legacy, accelerated] = [sides.legacy_without_sleep?.median ?? null, sides.accelerated?.median ?? null]
  if (better === 'higher' || legacy === null || accelerated === null) return mark('none')
  return accelerated <= 0 && legacy > 0 ? '∞' : mark('none')
}

function renderRatio(ratio: number): string {
  return `${ratio >= 100 ? Math.round(ratio) : ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)}${NO_BREAK}×`
}

type PrintableTarget = Pick<PrintableMetric, 'better' | 'target' | 'target_kind' | 'unit'>

function renderTarget({better, target, target_kind: kind, unit}: PrintableTarget): string {
  if (target === null) return mark('none')
  if (kind === 'ratio') return `≥${NO_BREAK}${target}${NO_BREAK}×`
  const value = renderFigure(target, null, unit)
  return better === 'higher' ? `≥${NO_BREAK}${value}` : `<${NO_BREAK}${value}`
}

function renderMet(met: boolean | null): string {
  if (met === null) return mark('none')
  return met ? `${mark('ok')} yes` : `${mark('failed')} no`
}

function renderCheck({bound, kind, met, metric, value}: PrintableReport['checks'][number]): string {
  const found = value === null ? 'has no figure' : `is ${Number(value.toPrecision(6))}`
  const asked = kind === 'below' ? 'at least' : 'at most'
  return `${mark(met ? 'ok' : 'failed')} ${metric} ${found}, ${asked} ${bound} was asked for`
}

function wrapAll(lines: readonly string[], width: number | undefined): string[] {
  return lines.flatMap((text) => wrap(text, width))
}

export interface PrintableListedSuite {
  readonly name: string
  readonly description: string
  readonly metrics: ReadonlyArray<{
    readonly name: string
    readonly unit: string
    readonly better: 'higher' | 'lower'
    readonly target?: {readonly bound: number; readonly kind: 'ratio' | 'value'} | undefined
  }>
}

/** What can be measured, by the names that flags take. */
export function renderSuiteList(suites: readonly PrintableListedSuite[], width = stdoutWidth()): string {
  return suites
    .flatMap(({description, metrics, name}) => [
      ...wrap(`${name}: ${description}`, width),
      ...metrics.map(({better, name: metric, target, unit}) => {
        const promise = {better, target: target?.bound ?? null, target_kind: target?.kind ?? null, unit}
        return `  ${name}.${metric}, ${unit}, ${better} is better${target ? `, target ${renderTarget(promise)}` : ''}`
      }),
    ])
    .join('\n')
}
