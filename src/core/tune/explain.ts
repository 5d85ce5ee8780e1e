/** Why a setting won, in sentences with the figures behind them. */
import type {Duel} from './duel.ts'
import type {TunedSetting} from './report.ts'

import {describe} from './candidate.ts'
import {constrainedP99, type Constraints, type Figures, type Objective} from './objective.ts'

const NAMES = {
  latency: 'the shortest time for one operation',
  throughput: 'the most operations a second',
  efficiency: 'the least energy for an operation',
} as const

export interface Reasons {
  readonly objective: Objective
  readonly constraints: Constraints
  readonly winner: TunedSetting | undefined
  readonly base: TunedSetting
  readonly duels: readonly Duel[]
  readonly settings: readonly TunedSetting[]
  readonly energy: string
  readonly target?: number | undefined
}

/** @returns a sentence each, the most important first */
export function explain(reasons: Reasons): string[] {
  const {base, objective, settings, winner} = reasons
  if (winner === undefined) {
    const closest = settings[0]!
    return [
      `No setting keeps to the constraints: with ${closest.name}, which comes closest, ${closest.broken.join(', and ')}.`,
    ]
  }

  return [
    winner === base ? stays(reasons) : wins(winner, base, objective),
    ...duelled(reasons),
    ...traded(winner, base, objective),
    ...runnerUp(reasons),
    ...bounds(winner, reasons),
    ...efficiencyNote(reasons),
    ...targetNote(winner, reasons),
  ]
}

function stays({objective, settings}: Reasons): string {
  const other = settings.find(({name}) => name !== 'default')
  const closest = other ? `; ${other.name} comes closest` : ''
  return `Nothing gives ${NAMES[objective]} by more than the default does, within what these measurements can tell apart${closest}.`
}

function wins({figures, name}: TunedSetting, base: TunedSetting, objective: Objective): string {
  return `${capital(name)} gives ${NAMES[objective]}: ${gain(figures, base.figures, objective)}.`
}

function gain(figures: Figures, base: Figures, objective: Objective): string {
  switch (objective) {
    case 'latency': {
      return `${us(figures.p50Us)} instead of ${us(base.p50Us)} with the default (${percent(figures.p50Us, base.p50Us)})`
    }

    case 'throughput': {
      return `${perSecond(figures.throughput)} instead of ${perSecond(base.throughput)} with the default (${percent(figures.throughput, base.throughput)})`
    }

    case 'efficiency': {
      const [mine, theirs] =
        figures.joules !== null && base.joules !== null ? [figures.joules, base.joules] : [figures.cpuUs, base.cpuUs]
      const unit =
        figures.joules !== null && base.joules !== null ? (value: number) => `${(value * 1000).toPrecision(3)} mJ` : us
      return `${unit(mine)} instead of ${unit(theirs)} with the default (${percent(mine, theirs)})`
    }
  }
}

/** What the pairs of turns against the default have shown. */
function duelled({duels}: Reasons): string[] {
  return duels.map(({candidate, gain: share, isBetter, pairs, won}) => {
    const times = `in ${won} of ${pairs} pairs of turns, ${percent(1 + share, 1)} in the middle`
    return isBetter
      ? `Against the default alone it did better ${times}.`
      : `${capital(describe(candidate))} came out ahead at first, but did better than the default only ${times}.`
  })
}

/** What it costs in the other respect. */
function traded(winner: TunedSetting, base: TunedSetting, objective: Objective): string[] {
  if (winner === base) return []
  const {figures} = winner
  const slower = figures.p50Us / base.figures.p50Us
  const fewer = figures.throughput / base.figures.throughput
  if (objective !== 'latency' && slower > 1.05) {
    return [
      `A single operation takes ${us(figures.p50Us)} for it, ${percent(figures.p50Us, base.figures.p50Us)} against the default.`,
    ]
  }

  if (objective === 'latency' && fewer < 0.95) {
    return [
      `It does ${perSecond(figures.throughput)} under load for it, ${percent(figures.throughput, base.figures.throughput)} against the default.`,
    ]
  }

  return [
    `It costs nothing in the other respect: ${objective === 'latency' ? perSecond(figures.throughput) : us(figures.p50Us)}.`,
  ]
}

function runnerUp({settings, winner}: Reasons): string[] {
  const next = settings.find((each) => each !== winner && each.broken.length === 0 && each.name !== 'default')
  if (next === undefined || winner?.name === 'default') return []
  return [`Next is ${next.name} with ${perSecond(next.figures.throughput)} and ${us(next.figures.p50Us)}.`]
}

function bounds({figures}: TunedSetting, {constraints, objective, settings}: Reasons): string[] {
  const {maxMemoryMb, maxP99Ms} = constraints
  const refused = settings.filter(({broken}) => broken.length > 0)
  const kept = [
    ...(maxP99Ms === undefined
      ? []
      : [`p99 is ${(constrainedP99(objective, figures) / 1000).toFixed(2)} of ${maxP99Ms} ms`]),
    ...(maxMemoryMb === undefined || figures.memoryBytes === null
      ? []
      : [`memory is ${Math.round(figures.memoryBytes / 2 ** 20)} of ${maxMemoryMb} MB`]),
  ]
  if (kept.length === 0) return []
  const others = refused.length === 0 ? '' : `; ${refused.length} of the finalists did not`
  return [`It keeps to the constraints: ${kept.join(', ')}${others}.`]
}

function efficiencyNote({base, energy, objective}: Reasons): string[] {
  if (objective !== 'efficiency') return []
  return base.figures.joules === null
    ? [`Energy is unknown (${energy}), so the processor time of an operation decided.`]
    : [`Energy is that of ${energy}.`]
}

function targetNote({figures}: TunedSetting, {target}: Reasons): string[] {
  if (target === undefined) return []
  const reached = figures.throughput >= target ? 'reaches' : 'does not reach'
  return [`It ${reached} target_ops_per_sec: ${perSecond(figures.throughput)} of ${perSecond(target)}.`]
}

export function us(value: number): string {
  return value < 1000 ? `${value.toPrecision(3)} µs` : `${(value / 1000).toPrecision(3)} ms`
}

export function perSecond(value: number): string {
  return value < 1000 ? `${value.toPrecision(3)}/s` : `${(value / 1000).toPrecision(3)} K/s`
}

function percent(value: number, base: number): string {
  const change = (value / base - 1) * 100
  return `${change >= 0 ? '+' : '−'}${Math.abs(change).toFixed(1)} %`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
