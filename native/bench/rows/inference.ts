/** What inference through the engine yields, beside OpenVINO's own benchmark_app. */
import {median} from 'simple-statistics'

import type {Engine, InferenceOperation} from '../../../src/core/engine/engine.ts'

import {inWindow, perSecond, timesUs} from '../../../src/core/bench/timing.ts'
import {inTurns, type Measurement} from '../row.ts'

const ROUND_MS = 2000
const BATCH = 8192
const WINDOW = 1024

export interface InferenceCase {
  readonly name: string
  readonly operation: InferenceOperation
  /** How many are in flight on both sides. */
  readonly requests: number
  /** How many are done between two looks at the clock: many times those in flight, whose last ones run alone. */
  readonly operations: number
  readonly bound: number
  readonly goal?: number
  /** Inferences per second of the peer. */
  readonly peer: () => Promise<number>
}

/** One model at the same hint and number of requests. */
export const beside = (
  engine: Engine,
  {bound, goal, name, operation, operations, peer, requests}: InferenceCase,
): Measurement => ({
  name,
  async measure(rounds) {
    const pairs = await inTurns(rounds, async () => rateInWindow(engine, operation, requests, operations), peer)
    return [
      {
        name: `${name}, ${requests} in flight`,
        unit: 'x',
        peer: 'benchmark_app',
        better: 'higher',
        bound,
        ...(goal === undefined ? {} : {goal}),
        values: pairs.map((pair) => pair.ours / pair.theirs),
        behind: rates(pairs),
      },
    ]
  },
})

/** A tiny model, where putting requests together pays most: in batches, and awaited one by one. */
export const tiny = (engine: Engine, operation: InferenceOperation, peer: () => Promise<number>): Measurement => ({
  name: 'tiny model with dynamic batching',
  async measure(rounds) {
    const operations = Array.from({length: BATCH}, () => operation)
    const inBatches = async () => {
      const times = await timesUs(async () => engine.submitBatch(operations), ROUND_MS)
      return perSecond(BATCH * times.length, times)
    }

    const rows = []
    for (const {bound, name, ours} of [
      {bound: 5, name: `tiny model, submitBatch of ${BATCH}`, ours: inBatches},
      {
        bound: 2,
        name: `tiny model, awaited, window ${WINDOW}`,
        ours: async () => rateInWindow(engine, operation, WINDOW, 16_384),
      },
    ]) {
      const pairs = await inTurns(rounds, ours, peer)
      const values = pairs.map((pair) => pair.ours / pair.theirs)
      rows.push({
        name,
        unit: 'x',
        peer: 'benchmark_app',
        better: 'higher' as const,
        bound,
        values,
        behind: rates(pairs),
      })
    }

    return rows
  },
})

async function rateInWindow(
  engine: Engine,
  operation: InferenceOperation,
  window: number,
  count: number,
): Promise<number> {
  const times = await timesUs(async () => inWindow(window, count, async () => engine.submit(operation)), ROUND_MS)
  return perSecond(count * times.length, times)
}

function rates(pairs: ReadonlyArray<{ours: number; theirs: number}>): Record<string, number> {
  return {
    'ours/s': median(pairs.map((pair) => pair.ours)),
    'benchmark_app/s': median(pairs.map((pair) => pair.theirs)),
  }
}
