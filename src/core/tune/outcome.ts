/** From what was measured to the report: who won, and why. */
import type {Config} from '../config/schema.ts'
import type {Contender} from './finals.ts'
import type {Advice, TunedSetting, TuneReport} from './report.ts'

import {type Candidate, complexity, DEFAULT, describe, profileOf} from './candidate.ts'
import {explain} from './explain.ts'
import {brokenBy, type Constraints, type Objective, score} from './objective.ts'
import {paretoFront} from './pareto.ts'

export interface Outcome {
  readonly finals: readonly Contender[]
  readonly skipped: ReadonlyMap<Candidate, string>
  readonly untried: number
  readonly outrun: number
  readonly objective: Objective
  readonly constraints: Constraints
  readonly config: Config
  readonly model: string
  readonly device: string
  readonly runtime: null | string
  readonly energy: string
  readonly advice: readonly Advice[]
  readonly seconds: number
  readonly interrupted: boolean
}

/** Settings that are as close to the best as this are as good, and the simplest of them is taken. */
const AS_GOOD = 0.01

export function buildReport(outcome: Outcome): TuneReport {
  const {config, constraints, energy, finals, objective, skipped} = outcome
  const settings = rank(
    finals.map((contender) => settingOf(contender, outcome)),
    objective,
  )
  const base = settings.find(({name}) => name === describe(DEFAULT))
  const winner = chooseWinner(settings, finals, objective)
  return {
    model: outcome.model,
    device: outcome.device,
    runtime: outcome.runtime,
    objective,
    constraints: withoutUndefined(constraints),
    settings,
    winner: winner?.name ?? null,
    default: describe(DEFAULT),
    explanation: base
      ? explain({base, constraints, energy, objective, settings, target: config.target_ops_per_sec, winner})
      : [],
    skipped: [...skipped].map(([candidate, reason]) => ({name: describe(candidate), reason})),
    outrun: outcome.outrun,
    untried: outcome.untried,
    energy,
    advice: [...outcome.advice],
    seconds: outcome.seconds,
    interrupted: outcome.interrupted,
    saved: null,
  }
}

function settingOf({candidate, figures, rounds}: Contender, {constraints, finals, objective}: Outcome): TunedSetting {
  const points = finals.map((each) => each.figures)
  return {
    name: describe(candidate),
    profile: profileOf(candidate),
    figures,
    rounds,
    broken: brokenBy(objective, figures, constraints),
    front: paretoFront(points).includes(figures),
  }
}

function rank(settings: readonly TunedSetting[], objective: Objective): TunedSetting[] {
  return settings.toSorted(
    (a, b) =>
      Number(a.broken.length > 0) - Number(b.broken.length > 0) ||
      score(objective, b.figures) - score(objective, a.figures),
  )
}

function chooseWinner(
  settings: readonly TunedSetting[],
  finals: readonly Contender[],
  objective: Objective,
): TunedSetting | undefined {
  const allowed = settings.filter(({broken}) => broken.length === 0)
  const best = allowed[0]
  if (best === undefined) return undefined
  const good = allowed.filter(
    ({figures}) => score(objective, figures) >= (1 - AS_GOOD) * score(objective, best.figures),
  )
  const settingsMade = ({figures}: TunedSetting) =>
    complexity(finals.find((each) => each.figures === figures)?.candidate ?? DEFAULT)
  return good.toSorted((a, b) => settingsMade(a) - settingsMade(b))[0]
}

function withoutUndefined({maxMemoryMb, maxP99Ms}: Constraints): TuneReport['constraints'] {
  return {...(maxMemoryMb !== undefined && {maxMemoryMb}), ...(maxP99Ms !== undefined && {maxP99Ms})}
}
