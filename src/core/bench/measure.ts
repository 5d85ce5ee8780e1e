/**
 * The harness: all sides of a case do their work in turns, in an order that chance chooses anew each round, so that
 * whatever else happens on the machine meets all of them alike.
 */
import type {Absence} from './report.ts'
import type {Case, Side} from './suites/suite.ts'

import {asNpuBridgeError} from '../errors.ts'
import {cancelled, throwIfCancelled} from '../process/run.ts'
import {type Random, shuffled} from './random.ts'

export interface Measured {
  /** Samples by metric. */
  readonly samples: Readonly<Record<string, readonly number[]>>
}

export interface NotMeasured {
  readonly absent: {readonly reason: string; readonly status: Absence}
}

export type Outcome = Measured | NotMeasured

export interface MeasureOptions {
  readonly random: Random
  readonly signal: AbortSignal
  /** Called before each piece of work; `fraction` says how much of the case is done. */
  readonly onProgress: (doing: string, fraction: number) => void
}

/** Measures `work`; gives what came of each side. A side that fails takes no part in what follows. */
export async function measureCase(work: Case, options: MeasureOptions): Promise<Record<string, Outcome>> {
  const interrupted = interruption(options.signal)
  const contenders = Object.entries(work.sides).map(([name, side]) => new Contender(name, side, work, interrupted))
  for (const contender of contenders) {
    options.onProgress(`${work.title}: getting ready`, 0)
    await contender.try(async () => contender.side.prepare?.())
    throwIfCancelled(options.signal)
  }

  for (let round = 0; round < work.rounds; round++) {
    const present = contenders.filter((contender) => contender.takesPartIn(round))
    for (const contender of shuffled(present, options.random)) {
      options.onProgress(`${work.title}: ${contender.name.replaceAll('_', ' ')}`, round / work.rounds)
      await contender.try(async () => {
        contender.add(await contender.side.measure())
      })
      throwIfCancelled(options.signal)
    }
  }

  return Object.fromEntries(contenders.map((contender) => [contender.name, contender.outcome]))
}

class Contender {
  readonly name: string
  readonly side: Side
  readonly #rounds: number
  readonly #ofRounds: number
  readonly #samples: Record<string, number[]>
  readonly #interrupted: Promise<never>
  #absent: NotMeasured['absent'] | undefined

  constructor(name: string, side: Side, {metrics, rounds}: Case, interrupted: Promise<never>) {
    this.name = name
    this.side = side
    this.#rounds = Math.min(side.rounds ?? rounds, rounds)
    this.#ofRounds = rounds
    this.#samples = Object.fromEntries(metrics.map((metric) => [metric, []]))
    this.#interrupted = interrupted
    this.#absent = side.absent
  }

  get outcome(): Outcome {
    return this.#absent ? {absent: this.#absent} : {samples: this.#samples}
  }

  /** Whether this round is one of those that it does: they are spread evenly over all of them. */
  takesPartIn(round: number): boolean {
    if (this.#absent) return false
    const due = (rounds: number) => Math.floor((rounds * this.#rounds) / this.#ofRounds)
    return due(round + 1) > due(round)
  }

  add(sample: Readonly<Record<string, number>>): void {
    for (const [metric, value] of Object.entries(sample)) this.#samples[metric]?.push(value)
  }

  /** Does `work`, unless it has failed before; a failure is kept as the reason. An interruption ends it at once. */
  async try(work: () => Promise<void>): Promise<void> {
    if (this.#absent) return
    try {
      await Promise.race([work(), this.#interrupted])
    } catch (error) {
      const {code, message} = asNpuBridgeError(error)
      this.#absent = {status: ABSENT_BY_CODE[code] ?? 'failed', reason: message}
    }
  }
}

/** A side that has no such thing has not failed. */
const ABSENT_BY_CODE: Readonly<Record<string, Absence>> = {UNSUPPORTED_OPERATION: 'not_available'}

/** Rejects when `signal` is aborted; one for all, because each listener stays for as long as the signal. */
async function interruption(signal: AbortSignal): Promise<never> {
  const {promise, reject} = Promise.withResolvers<never>()
  const onAbort = () => {
    reject(cancelled(signal))
  }

  signal.addEventListener('abort', onAbort, {once: true})
  // Nobody may be listening when it happens.
  promise.catch(() => {})
  return promise
}
