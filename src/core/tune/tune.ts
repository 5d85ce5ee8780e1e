/** Searches the setting that suits a model best on this machine. */
import os from 'node:os'

import type {Config} from '../config/schema.ts'
import type {DevicePreference} from '../engine/engine.ts'
import type {TuneReport} from './report.ts'

import {takesBatches} from '../bench/model-inputs.ts'
import {deviceOf} from '../config/engine-settings.ts'
import {EXIT, NpuBridgeError} from '../errors.ts'
import {cpuAdvice} from './belongs-on-cpu.ts'
import {type Candidate, complexity, DEFAULT, describe} from './candidate.ts'
import {duel, type Duel} from './duel.ts'
import {effectOf} from './effect.ts'
import {energyMeter, type EnergyMeter} from './energy.ts'
import {type Contender, runFinals} from './finals.ts'
import {successiveHalving} from './halving.ts'
import {brokenBy, type Constraints, type Figures, type Objective, score} from './objective.ts'
import {AS_GOOD_UNTOLD, buildReport, challengers} from './outcome.ts'
import {searchSpace} from './space.ts'
import {openApart} from './trial-process.ts'
import {openTrial, Skipped, type Trial, type TrialSubject, type TurnOptions} from './trial.ts'

export interface TuneRequest {
  readonly model: string
  readonly objective: Objective
  readonly constraints: Constraints
  readonly config: Config
  readonly limitMs: number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string, fraction: number) => void
}

/** What the trials are done with; replaced in tests. */
export interface TuneParts {
  readonly openTrial: typeof openTrial
  /** For what is compared in turns. */
  readonly openApart: typeof openApart
  readonly energyMeter: typeof energyMeter
  readonly now: () => number
  readonly cores: number
}

const PARTS: TuneParts = {
  openTrial,
  openApart,
  energyMeter,
  now: () => performance.now(),
  cores: os.availableParallelism(),
}

/** The best that are measured again, in turns with the default. */
const FINALISTS = 4
/** Share of the time for everything before the finals, and for everything before the duels. */
const HEATS = 0.4
const FINALS = 0.6
/** Settings that get the chance to beat the default, one after the other, until one does. */
const CHALLENGERS = 2
const SHORTEST_TRIAL_MS = 20
const LONGEST_TRIAL_MS = 150
/** What a trial takes at least, as a share of what comes before it: who waits for so long wants to know for sure. */
const TRIAL_OF_OPENING = 0.2
/** Operations that a trial is long enough for, one at a time, up to so many milliseconds. */
const OPERATIONS = 30
const MOST_TRIAL_MS = 400
/** What the default is tried for before anything else. */
const FIRST_TRIAL_MS = 100

/**
 * Tries the default, then everything that may be better by successive halving, then the best and the default in turns.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT when the time is too short for one trial; DEVICE_UNAVAILABLE, MODEL_NOT_FOUND
 *   and whatever keeps the default from running
 */
export async function tune(request: TuneRequest, parts: TuneParts = PARTS): Promise<TuneReport> {
  const search = new Search(request, parts)
  return search.run()
}

class Search {
  readonly #request: TuneRequest
  readonly #parts: TuneParts
  readonly #startedAt: number
  readonly #skipped = new Map<Candidate, string>()
  /** The first, and so the simplest, of the settings that come to the same. */
  readonly #byEffect = new Map<string, Candidate>()
  #subject: TrialSubject
  #meter: EnergyMeter | null = null
  #tried = 0
  #expected = 1

  constructor(request: TuneRequest, parts: TuneParts) {
    this.#request = request
    this.#parts = parts
    this.#startedAt = parts.now()
    const device = asFamily(deviceOf(request.config))
    this.#subject = {config: request.config, device, model: request.model, objective: request.objective}
  }

  async run(): Promise<TuneReport> {
    const {config, constraints, limitMs, objective, signal} = this.#request
    const first = await this.#first()
    const {device} = first.loaded
    // From here on no trial may run elsewhere: it would be compared with what it is not.
    this.#subject = {...this.#subject, device: asFamily(device)}
    const candidates = searchSpace({
      batches: takesBatches(first.loaded) && first.loaded.maxBatch > 1,
      cores: this.#parts.cores,
      device,
      optimalRequests: first.loaded.requests,
    })
    this.#expected = candidates.length * 1.5
    const opening = Math.max(0, first.elapsedMs - FIRST_TRIAL_MS)
    const affordable = (HEATS * limitMs) / this.#expected - opening
    const worthwhile = Math.max(affordable, TRIAL_OF_OPENING * opening)
    const heats = await successiveHalving(candidates, {
      asGood: AS_GOOD_UNTOLD,
      attempt: async (candidate, milliseconds) => this.#attempt(candidate, milliseconds),
      complexity,
      finalists: FINALISTS,
      isOver: () => signal.aborted || this.#elapsed() > HEATS * limitMs,
      keeps: (candidate) => candidate === DEFAULT,
      score: (figures) => this.#score(figures),
      // Of a slow model, few are tried well rather than all of them once.
      trialMs: Math.max(Math.min(LONGEST_TRIAL_MS, worthwhile), trialOf(first.figures)),
    })
    // Where there was no time for anything else, the default is what there is.
    const isTried = heats.finalists.some(({contender}) => contender === DEFAULT)
    const base = {contender: DEFAULT, result: first.figures}
    const finals = await this.#finals(isTried ? heats.finalists : [...heats.finalists, base])
    const duels = await this.#duels(finals)
    return buildReport({
      advice: await this.#advice(finals),
      config,
      constraints,
      device,
      duels,
      energy: this.#energy(device),
      finals,
      interrupted: signal.aborted,
      model: this.#request.model,
      objective,
      outrun: Math.max(0, heats.results.size - finals.length),
      runtime: first.runtime,
      seconds: this.#elapsed() / 1000,
      skipped: this.#skipped,
      untried: heats.untried.length,
    })
  }

  /** The default, and how long it takes to try it. */
  async #first(): Promise<{elapsedMs: number; figures: Figures; loaded: Trial['loaded']; runtime: null | string}> {
    const {limitMs, onProgress} = this.#request
    onProgress('the default', 0)
    const start = this.#parts.now()
    await using trial = await this.#open(DEFAULT)
    const figures = await trial.measure(Math.min(FIRST_TRIAL_MS, limitMs))
    const elapsedMs = this.#parts.now() - start
    if (elapsedMs > limitMs) {
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `the time limit is ${Math.round(limitMs)} ms, but a single trial of ${this.#request.model} takes ${Math.round(elapsedMs)} ms`,
        {exitCode: EXIT.usage, suggestions: [`--time-limit ${Math.ceil((elapsedMs * 40) / 1000)}s`]},
      )
    }

    const meter = this.#parts.energyMeter(trial.loaded.device)
    this.#meter = 'source' in meter ? meter : null
    return {elapsedMs, figures, loaded: trial.loaded, runtime: trial.health.runtime?.version ?? null}
  }

  async #open(candidate: Candidate): Promise<Trial> {
    return this.#parts.openTrial(candidate, this.#subject, this.#meter)
  }

  async #attempt(candidate: Candidate, milliseconds: number): Promise<Figures | null> {
    this.#request.onProgress(describe(candidate), Math.min(HEATS, (HEATS * ++this.#tried) / this.#expected))
    try {
      await using trial = await this.#open(candidate)
      this.#refuseEqual(candidate, trial)
      return await trial.measure(milliseconds)
    } catch (error) {
      if (!(error instanceof Skipped)) throw error
      this.#skipped.set(candidate, error.message)
      return null
    }
  }

  /** @throws {Skipped} when a simpler setting does the same: chance alone would choose between them. */
  #refuseEqual(candidate: Candidate, {loaded}: Trial): void {
    const effect = effectOf(candidate, loaded)
    if (effect === null) return
    const first = this.#byEffect.get(effect) ?? candidate
    if (first !== candidate) throw new Skipped(`does the same as ${describe(first)}`)
    this.#byEffect.set(effect, candidate)
  }

  /** What breaks a constraint comes behind everything that does not. */
  #score(figures: Figures): number {
    const {constraints, objective} = this.#request
    const value = score(objective, figures)
    return brokenBy(objective, figures, constraints).length > 0 ? value - 1e12 : value
  }

  async #finals(finalists: ReadonlyArray<{contender: Candidate; result: Figures}>): Promise<Contender[]> {
    return runFinals(finalists, {
      ...this.#turns(HEATS, FINALS),
      leftMs: this.#request.limitMs * FINALS - this.#elapsed(),
    })
  }

  /** What turns need that stand for the shares `from` to `to` of the whole. */
  #turns(from: number, to: number): Omit<TurnOptions, 'leftMs'> {
    const {onProgress, signal} = this.#request
    return {
      now: this.#parts.now,
      onProgress(name, fraction) {
        onProgress(name, from + (to - from) * fraction)
      },
      open: async (candidate) => this.#parts.openApart(candidate, this.#subject, this.#meter),
      signal,
    }
  }

  /** Those that came out ahead of the default against it alone, until one of them is better. */
  async #duels(finals: readonly Contender[]): Promise<Duel[]> {
    const {constraints, limitMs, objective} = this.#request
    const duels: Duel[] = []
    const chosen = challengers(finals, objective, constraints).slice(0, CHALLENGERS)
    for (const candidate of chosen) {
      const left = Math.max(0, limitMs - this.#elapsed())
      const held = await duel(candidate, {
        ...this.#turns(FINALS, 1),
        leftMs: left / (chosen.length - duels.length),
        score: (figures) => score(objective, figures),
      })
      if (held === null) break
      duels.push(held)
      if (held.isBetter) break
    }

    return duels
  }

  async #advice(finals: readonly Contender[]): Promise<TuneReport['advice']> {
    const {config, model, objective, signal} = this.#request
    const {device} = this.#subject
    // Only who left the choice open is told that another device is better.
    if (signal.aborted || device === 'cpu' || asFamily(deviceOf(config)) !== undefined) return []
    const open = async () => this.#parts.openTrial(DEFAULT, {...this.#subject, device: 'cpu'}, null)
    return cpuAdvice({device: device!.toUpperCase(), finals, model, objective, open})
  }

  #energy(device: string): string {
    const meter = this.#parts.energyMeter(device)
    return 'source' in meter ? meter.source : `unknown: ${meter.reason}`
  }

  #elapsed(): number {
    return this.#parts.now() - this.#startedAt
  }
}

/** How long a trial has to be for some operations to come one after the other. */
function trialOf({p50Us}: Figures): number {
  return Math.min(MOST_TRIAL_MS, Math.max(SHORTEST_TRIAL_MS, (OPERATIONS * p50Us) / 1000))
}

/** `npu` for `NPU.1`; nothing for `auto`. */
function asFamily(device: DevicePreference | string): TrialSubject['device'] {
  const family = device.split('.', 1)[0]!.toLowerCase()
  return (['npu', 'gpu', 'cpu'] as const).find((name) => name === family)
}
