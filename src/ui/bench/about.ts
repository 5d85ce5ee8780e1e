/** What stands around the figures: what was compared, how, and what makes it less certain. */
import type {PrintableCheck, PrintableEnvironment, PrintableReport} from './printable.ts'

import {type Footnotes, isUncertain, isUnstable, renderNumber, UNCERTAIN, UNSTABLE} from './figure.ts'

/** Which legacy module and which engine, a line each. */
export function renderHeading({accelerated, cpu, legacy}: PrintableEnvironment): string[] {
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

/** How to read the figures, once `footnotes` has collected the reasons of all cells. */
export function renderLegend({suites}: PrintableReport, footnotes: Footnotes): string[] {
  const sides = suites.flatMap(({metrics}) => metrics.flatMap((metric) => Object.values(metric.sides)))
  return [
    ...footnotes.lines,
    ...(sides.some(isUnstable) ? [UNSTABLE] : []),
    ...(sides.some(isUncertain) ? [UNCERTAIN] : []),
    'Improvement compares with the legacy module without its sleep. ± is the wider side of a 95 % confidence interval of the median.',
  ]
}

/** What makes the figures less certain. */
export function renderWarnings({environment, interrupted}: PrintableReport): string[] {
  return [...(interrupted ? ['interrupted: this is what was measured until then'] : []), ...environment.warnings]
}

/** How it was measured, a paragraph each. */
export function renderMethod({environment, suites}: PrintableReport): string[] {
  const {round_ms: roundMs, rounds, seed} = environment.settings
  return [
    `Method: ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${roundMs} ms a side, in an order that chance chose anew each round (seed ${seed}); what takes longer is done less often, as the sample counts say.`,
    ...suites.flatMap(({name, notes}) => notes.map((note) => `${name}: ${note}`)),
  ]
}

/** The machine in a few words each. */
export function renderMachine(environment: PrintableEnvironment): ReadonlyArray<readonly [string, string]> {
  const {
    accelerated,
    container,
    cpu,
    load_average: load,
    node,
    npubridge,
    os,
    seconds,
    started_at: startedAt,
  } = environment
  return [
    ['Date', `${startedAt.slice(0, 19).replace('T', ' ')} UTC, ${Math.round(seconds)} s`],
    ['System', `${os.distribution ?? os.platform}, kernel ${os.release}${container ? ', in a container' : ''}`],
    [
      'Processor',
      `${cpu.model}, ${cpu.cores} cores, governor ${cpu.governor ?? 'unknown'}${turboOf(cpu)}, load ${load.toFixed(1)}`,
    ],
    ...(accelerated?.driver ? [['Driver', accelerated.driver] as const] : []),
    ['Versions', `npubridge ${npubridge}, Node.js ${node}`],
  ]
}

function turboOf({turbo}: PrintableEnvironment['cpu']): string {
  return turbo === null ? '' : `, turbo ${turbo ? 'on' : 'off'}`
}

export function renderCheck({bound, kind, metric, value}: PrintableCheck): string {
  const found = value === null ? 'has no figure' : `is ${renderNumber(value)}`
  return `${metric} ${found}, at ${kind === 'below' ? 'least' : 'most'} ${renderNumber(bound)} was asked for`
}
