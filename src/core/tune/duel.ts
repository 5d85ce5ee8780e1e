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

const PAIRS = 25
/** Even when time is up: with fewer nothing could be told. */
const LEAST_PAIRS = 5
const LONGEST_MS = 700

/** Null when it was interrupted before anything could be told. */
export async function duel(candidate: Candidate, options: DuelOptions): Promise<Duel | null> {
  const {leftMs, now, onProgress, open, score, signal} = options
  const end = now() + leftMs
  const turnMs = Math.min(LONGEST_MS, Math.max(SHORTEST_TURN_MS, leftMs / (2 * PAIRS)))
  await using challenger = await open(candidate)
  await using base = await open(DEFAULT)
  const ratios: number[] = []
  while (ratios.length < PAIRS && !signal.aborted && (ratios.length < LEAST_PAIRS || now() < end)) {
    onProgress(`${describe(candidate)} against the default`, ratios.length / PAIRS)
    // Who is first changes: what happens in turns itself meets both.
    const isFirst = ratios.length % 2 === 0
    const first = score(await (isFirst ? challenger : base).measure(turnMs))
    const second = score(await (isFirst ? base : challenger).measure(turnMs))
    ratios.push(isFirst ? first / second : second / first)
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
