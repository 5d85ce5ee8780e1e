/** The last round: the best settings and the default, measured in turns, so that what else happens meets all alike. */
import {median} from 'simple-statistics'

import type {Figures} from './objective.ts'

import {betterHalf} from '../bench/paired-permutation.ts'
import {type Candidate, describe} from './candidate.ts'
import {SHORTEST_TURN_MS, type Trial, type TurnOptions} from './trial.ts'

/** A setting with what came of it over its rounds. */
export interface Contender {
  readonly candidate: Candidate
  readonly figures: Figures
  /** One for each round, in which all had a turn; none where there was no time for any. */
  readonly turns: readonly Figures[]
}

const ROUNDS = 9
const LONGEST_MS = 500

export async function runFinals(
  finalists: ReadonlyArray<{readonly contender: Candidate; readonly result: Figures}>,
  options: TurnOptions,
): Promise<Contender[]> {
  const {leftMs, now, onProgress, open, signal} = options
  if (signal.aborted)
    return finalists.map(({contender, result}) => ({candidate: contender, figures: result, turns: []}))
  const end = now() + leftMs
  const roundMs = Math.min(LONGEST_MS, Math.max(SHORTEST_TURN_MS, leftMs / (ROUNDS * finalists.length) - 1))
  const trials: Array<{candidate: Candidate; first: Figures; samples: Figures[]; trial: Trial}> = []
  try {
    for (const {contender, result} of finalists) {
      if (signal.aborted) break
      trials.push({candidate: contender, first: result, samples: [], trial: await open(contender)})
    }

    const isOver = (round: number) => signal.aborted || (round > 0 && now() > end)
    for (let round = 0; round < ROUNDS; round++) {
      // Everyone begins once: else nobody is first each time.
      const turn = trials.map((_, index) => trials[(index + round) % trials.length]!)
      for (const {candidate, samples, trial} of turn) {
        onProgress(`finals, ${describe(candidate)}`, round / ROUNDS)
        if (!isOver(round)) samples.push(await trial.measure(roundMs))
      }
    }
  } finally {
    for (const {trial} of trials) await trial[Symbol.asyncDispose]()
  }

  return trials.map(({candidate, first, samples}) => ({
    candidate,
    figures: samples.length > 0 ? together(samples) : first,
    turns: samples,
  }))
}

/** What decides is that of the turns that were least disturbed; what a constraint is about is that of the middle one. */
function together(samples: readonly Figures[]): Figures {
  const all = (name: keyof Figures) => samples.map((figures) => figures[name]).filter((value) => value !== null)
  const [joules, memoryBytes] = [all('joules'), all('memoryBytes')]
  return {
    throughput: betterHalf(all('throughput'), 'higher'),
    p50Us: betterHalf(all('p50Us'), 'lower'),
    p99Us: median(all('p99Us')),
    loadedP99Us: median(all('loadedP99Us')),
    cpuUs: betterHalf(all('cpuUs'), 'lower'),
    joules: joules.length === samples.length ? betterHalf(joules, 'lower') : null,
    memoryBytes: memoryBytes.length > 0 ? median(memoryBytes) : null,
  }
}
