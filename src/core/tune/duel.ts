/**
 * The last word: a setting that came out ahead against the default alone, in pairs of turns. Whoever leads among many
 * was also lucky; only what wins more, or by more, than chance would give it is better, and else the default stays.
 */
import {median} from 'simple-statistics'

import type {Figures} from './objective.ts'

import {type Candidate, DEFAULT, describe} from './candidate.ts'
import {isAhead} from './pairs.ts'
import {SHORTEST_TURN_MS, type TurnOptions} from './trial.ts'

export interface Duel {
  readonly candidate: Candidate
  readonly pairs: number
  /** Pairs in which it did better than the default. */
  readonly won: number
  /** The middle of how much better it did, as a share: 0.1 is ten percent. */
  readonly gain: number
  readonly isBetter: boolean
}

export interface DuelOptions extends TurnOptions {
  /** Larger is better. */
  readonly score: (figures: Figures) => number
}

/**
 * How often both are opened anew. How fast a process is depends on where its threads and memory came to lie and on what its
 * engine has found out, which is worth as much as many a setting: all pairs of one opening would say the same of that.
 */
const BOUTS = 3
const PAIRS_OF_BOUT = 9
const PAIRS = BOUTS * PAIRS_OF_BOUT
/** Even when time is up: with fewer nothing could be told. */
const LEAST_PAIRS = 5
const LONGEST_MS = 700
/**
 * What both have at the beginning of a bout that does not count: the engine finds out at the real work which batches and
 * threads are best, which changes what one is worth beside the other.
 */
const SETTLING_MS = 500

/** Null when it was interrupted before anything could be told. */
export async function duel(candidate: Candidate, options: DuelOptions): Promise<Duel | null> {
  const {leftMs, now, signal} = options
  const end = now() + leftMs
  const ratios: number[] = []
  const isOver = () => signal.aborted || (ratios.length >= LEAST_PAIRS && now() >= end)
  for (let bout = 1; bout <= BOUTS && !isOver(); bout++) {
    await fight(candidate, {...options, leftMs: (end - now()) / (BOUTS - bout + 1)}, ratios, isOver)
  }

  if (ratios.length < LEAST_PAIRS) return null
  const won = ratios.filter((ratio) => ratio > 1).length
  return {
    candidate,
    pairs: ratios.length,
    won,
    gain: median(ratios) - 1,
    isBetter: isAhead(ratios),
  }
}

/** One bout: adds how many times better the candidate did in each of its pairs. */
async function fight(
  candidate: Candidate,
  {leftMs, now, onProgress, open, score}: DuelOptions,
  ratios: number[],
  isOver: () => boolean,
): Promise<void> {
  const end = now() + leftMs
  await using challenger = await open(candidate)
  await using base = await open(DEFAULT)
  for (const side of [challenger, base]) if (!isOver()) await side.measure(SETTLING_MS)
  const until = ratios.length + PAIRS_OF_BOUT
  while (ratios.length < until && !isOver()) {
    onProgress(`${describe(candidate)} against the default`, ratios.length / PAIRS)
    const turnMs = clampTurn((end - now()) / (2 * (until - ratios.length)))
    // Who is first changes: what happens in turns itself meets both.
    const isFirst = ratios.length % 2 === 0
    const first = score(await (isFirst ? challenger : base).measure(turnMs))
    const second = score(await (isFirst ? base : challenger).measure(turnMs))
    ratios.push(isFirst ? first / second : second / first)
  }
}

function clampTurn(milliseconds: number): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_TURN_MS, milliseconds))
}
