/** How often routing is right, and whether it knows when nothing fits. */
import type {RouteAnswer} from '../engine/engine.ts'
import type {TextMethod, TextRouter} from './router.ts'

import {NpuBridgeError} from '../errors.ts'
import {type Example, readDataset} from './dataset.ts'

export interface EvaluateOptions {
  readonly file: string
  readonly router: TextRouter
  readonly threshold?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface Confusion {
  readonly expected: string
  /** Null: no agent fitted. */
  readonly chosen: string | null
  readonly count: number
}

export interface Evaluation {
  readonly file: string
  readonly method: TextMethod
  readonly texts: number
  /** The share of texts whose best candidate is the expected one, whatever the threshold says. */
  readonly accuracy: number
  /** The share that is right when texts below the threshold count as wrong. */
  readonly accuracyWithThreshold: number
  /** Most frequent first. */
  readonly confusions: readonly Confusion[]
  /**
   * With texts out of scope: how probable it is that a text in scope scores above one out of scope (AUROC), and the
   * share of those out of scope for which no agent was said to fit.
   */
  readonly outOfScope: {readonly texts: number; readonly auroc: number; readonly refused: number} | null
  readonly textsPerSecond: number
  readonly device: string | null
}

const MOST_CONFUSIONS = 20

/**
 * Measures a router by the `val` part of a file (a plain list counts as one).
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a file without examples
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const {file, router, threshold} = options
  const data = await readDataset(file)
  const outside = [...data.oosVal, ...data.oosTrain]
  if (data.val.length === 0) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} has nothing to measure by: "val" is empty`)
  }

  const ask = async (examples: readonly Example[]) =>
    router.route(
      examples.map(({text}) => text),
      {explain: false, threshold, topK: 1},
      {onProgress: options.onProgress, signal: options.signal},
    )
  const started = performance.now()
  const answers = await ask(data.val)
  const seconds = (performance.now() - started) / 1000
  const beyond = await ask(outside)
  const right = (answer: RouteAnswer, index: number) => answer.candidates?.[0]?.agent === data.val[index]!.label
  const accepted = (answer: RouteAnswer, index: number) => answer.agent === data.val[index]!.label
  return {
    file,
    method: router.method,
    texts: data.val.length,
    accuracy: answers.filter(right).length / answers.length,
    accuracyWithThreshold: answers.filter(accepted).length / answers.length,
    confusions: confusionsOf(data.val, answers),
    outOfScope:
      beyond.length === 0
        ? null
        : {
            texts: beyond.length,
            auroc: auroc(answers.map(confidence), beyond.map(confidence)),
            refused: beyond.filter(({agent}) => agent === null).length / beyond.length,
          },
    textsPerSecond: answers.length / seconds,
    device: router.device,
  }
}

/** What is compared with the threshold. */
function confidence({evidence, score}: RouteAnswer): number {
  return evidence ?? score
}

function confusionsOf(examples: readonly Example[], answers: readonly RouteAnswer[]): Confusion[] {
  const counts = new Map<string, {expected: string; chosen: string | null; count: number}>()
  for (const [index, {label: expected}] of examples.entries()) {
    const chosen = answers[index]!.candidates?.[0]?.agent ?? null
    if (chosen === expected) continue
    const key = JSON.stringify([expected, chosen])
    const known = counts.get(key) ?? {expected, chosen, count: 0}
    known.count++
    counts.set(key, known)
  }

  return [...counts.values()]
    .toSorted((a, b) => b.count - a.count || a.expected.localeCompare(b.expected, 'en'))
    .slice(0, MOST_CONFUSIONS)
}

/**
 * The area under the ROC curve by ranks (Mann and Whitney): the share of pairs in which the one inside is above the one
 * outside, ties counting half.
 */
export function auroc(inside: readonly number[], outside: readonly number[]): number {
  const all = [
    ...inside.map((value) => ({value, isInside: true})),
    ...outside.map((value) => ({value, isInside: false})),
  ].toSorted((a, b) => a.value - b.value)
  let rankSum = 0
  for (let first = 0; first < all.length;) {
    let end = first
    while (end < all.length && all[end]!.value === all[first]!.value) end++
    const rank = (first + 1 + end) / 2
    for (let at = first; at < end; at++) if (all[at]!.isInside) rankSum += rank
    first = end
  }

  const pairs = inside.length * outside.length
  return (rankSum - (inside.length * (inside.length + 1)) / 2) / pairs
}
