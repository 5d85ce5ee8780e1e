/** From what was measured to the report: who won, and why. */
import {quantile} from 'simple-statistics'

import type {Config} from '../config/schema.ts'
import type {Duel} from './duel.ts'
import type {Contender} from './finals.ts'
import type {Advice, TunedSetting, TuneReport} from './report.ts'

import {type Candidate, complexity, DEFAULT, describe, profileOf} from './candidate.ts'
import {explain} from './explain.ts'
import {brokenBy, type Constraints, type Objective, score} from './objective.ts'
import {isAhead} from './pairs.ts'
import {paretoFront} from './pareto.ts'

export interface Outcome {
  readonly finals: readonly Contender[]
  /** Empty where nothing came out ahead of the default, or the default breaks a constraint. */
  readonly duels: readonly Duel[]
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
/** The same for settings that their turns cannot tell from the best. */
export const AS_GOOD_UNTOLD = 0.03
/** What is ahead of the default in a quarter of the rounds is given a chance. */
const OFTEN = 0.75

export function buildReport(outcome: Outcome): TuneReport {
  const {config, constraints, energy, finals, objective, skipped} = outcome
  const settings = rank(
    finals.map((contender) => settingOf(contender, outcome)),
    objective,
  )
  const base = settings.find(({name}) => name === describe(DEFAULT))
  const winner = confirmed(outcome.duels, settings, base) ?? chooseWinner(settings, finals, objective)
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
      ? explain({
          base,
          constraints,
          duels: outcome.duels,
          energy,
          objective,
          settings,
          target: config.target_ops_per_sec,
          winner,
        })
      : [],
    duels: outcome.duels.map(({candidate, gain, isBetter, pairs, won}) => ({
      name: describe(candidate),
      pairs,
      won,
      gain,
      better: isBetter,
    })),
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

/** What the duels have shown: the one that was better, else the default. */
function confirmed(
  duels: readonly Duel[],
  settings: readonly TunedSetting[],
  base: TunedSetting | undefined,
): TunedSetting | undefined {
  if (duels.length === 0) return undefined
  const better = duels.find(({isBetter}) => isBetter)
  return better ? settings.find(({name}) => name === describe(better.candidate)) : base
}

/**
 * The settings that came out ahead of the default in the finals, or may have but for chance, the one that would win
 * first. None where the default breaks a constraint: what keeps to it need not be better.
 */
export function challengers(finals: readonly Contender[], objective: Objective, constraints: Constraints): Candidate[] {
  const isAllowed = ({figures}: Contender) => brokenBy(objective, figures, constraints).length === 0
  const base = finals.find(({candidate}) => candidate === DEFAULT)
  if (base === undefined || !isAllowed(base)) return []
  const allowed = finals.filter((each) => isAllowed(each))
  const scoreOf = ({figures}: Contender) => score(objective, figures)
  const best = allowed.toSorted((a, b) => scoreOf(b) - scoreOf(a))[0]!
  const isWithin = (share: number, each: Contender) => scoreOf(each) >= (1 - share) * scoreOf(best)
  const mayBeBetter = (each: Contender) =>
    isWithin(AS_GOOD, base) ? isLeftOpen(each, base, objective) : scoreOf(each) > scoreOf(base)
  const isGood = (each: Contender) =>
    isWithin(AS_GOOD, each) || (isWithin(AS_GOOD_UNTOLD, each) && !isAhead(turnsAgainst(each, best, objective)))
  return allowed
    .filter((each) => each !== base && mayBeBetter(each))
    .toSorted(
      (a, b) =>
        Number(isGood(b)) - Number(isGood(a)) ||
        (isGood(a) ? complexity(a.candidate) - complexity(b.candidate) : 0) ||
        scoreOf(b) - scoreOf(a),
    )
    .map(({candidate}) => candidate)
}

/**
 * Whether rounds that the default led leave it open that `each` is better: where they cannot tell, or the default had the
 * best ones of an unsteady machine and yet is behind in many. A duel can tell more, and one that is lost costs only time.
 */
function isLeftOpen(each: Contender, base: Contender, objective: Objective): boolean {
  const gains = turnsAgainst(base, each, objective)
  if (gains.length === 0) return false
  return quantile(gains, OFTEN) > 1 + AS_GOOD_UNTOLD || !isAhead(turnsAgainst(each, base, objective))
}

/** How many times better `best` did, for each round in which both had a turn. */
function turnsAgainst(other: Contender, best: Contender, objective: Objective): number[] {
  const rounds = Math.min(other.turns.length, best.turns.length)
  return Array.from(
    {length: rounds},
    (_, round) => score(objective, best.turns[round]!) / score(objective, other.turns[round]!),
  )
}

function settingOf({candidate, figures, turns}: Contender, {constraints, finals, objective}: Outcome): TunedSetting {
  const points = finals.map((each) => each.figures)
  return {
    name: describe(candidate),
    profile: profileOf(candidate),
    figures,
    rounds: turns.length,
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
