import PQueue from 'p-queue'
/** What coordination costs in Node: echoes, which do nothing but go through the scheduler and back. */
import {median, quantile} from 'simple-statistics'

import type {Engine, Priority} from '../../../src/core/engine/engine.ts'

import {inWindow, perSecond, timesUs} from '../../../src/core/bench/timing.ts'
import {inTurns, type Measurement, type Row} from '../row.ts'

const WINDOW = 1024
const OPERATIONS = 65_536
const BATCH = 8192
const ROUND_MS = 400
const FLOOD = 100_000
/** Realtime operations while the flood lasts. */
const URGENT = 200
const PRIORITIES: readonly Priority[] = ['low', 'normal', 'high', 'critical']
const OPTIONS = PRIORITIES.map((priority) => ({priority}))

/**
 * Awaited one by one, four priorities mixed, beside a queue of promises that has priorities too. As many wait on both
 * sides and as many run at once; a p-queue that runs the whole window at once keeps no order and is told beside it.
 */
export const awaited = (engine: Engine): Measurement => ({
  name: 'echo, awaited',
  async measure(rounds) {
    const rate = async (work: (index: number) => Promise<unknown>) => {
      const times = await timesUs(async () => inWindow(WINDOW, OPERATIONS, work), ROUND_MS)
      return perSecond(OPERATIONS * times.length, times)
    }

    const ours = async () => {
      const work = async (index: number) => engine.submit({type: 'echo'}, OPTIONS[index % 4])
      return rate(work)
    }

    const concurrency = engine.metrics().settings?.workerThreads ?? 1
    const queued = async (atOnce: number) => {
      const queue = new PQueue({concurrency: atOnce})
      const work = async (index: number) => queue.add(async () => index, {priority: index % 4})
      return rate(work)
    }

    const pairs = await inTurns(rounds, ours, async () => queued(concurrency))
    const unordered = await queued(WINDOW)
    return [
      {
        name: `awaited echo, window ${WINDOW}, 4 priorities`,
        unit: 'x',
        peer: 'p-queue with priorities',
        better: 'higher',
        bound: 5,
        goal: 8,
        values: pairs.map((pair) => pair.ours / pair.theirs),
        behind: {
          'ours/s': median(pairs.map((pair) => pair.ours)),
          'p-queue/s': median(pairs.map((pair) => pair.theirs)),
          'p-queue/s when nothing waits': unordered,
        },
      },
    ]
  },
})

/** Many at a time, with histograms kept and without. */
export const batched = (engine: Engine, withoutMetrics: Engine): Measurement => ({
  name: 'echo, in batches',
  async measure(rounds) {
    const operations = Array.from({length: BATCH}, () => ({type: 'echo'}) as const)
    const rate = async (of: Engine) => {
      const times = await timesUs(async () => of.submitBatch(operations), ROUND_MS)
      return perSecond(BATCH * times.length, times)
    }

    const pairs = await inTurns(
      rounds,
      async () => rate(engine),
      async () => rate(withoutMetrics),
    )
    const rates = {
      'with/s': median(pairs.map((pair) => pair.ours)),
      'without/s': median(pairs.map((pair) => pair.theirs)),
    }
    return [
      {
        name: `submitBatch of ${BATCH} echoes, metrics on`,
        unit: 'operations/s',
        peer: null,
        better: 'higher',
        bound: 1e6,
        goal: 2e6,
        values: pairs.map((pair) => pair.ours),
        behind: rates,
      },
      {
        name: 'the same, metrics on / off',
        unit: 'x',
        peer: 'the engine without metrics',
        better: 'higher',
        bound: 0.95,
        values: pairs.map((pair) => pair.ours / pair.theirs),
        behind: rates,
      },
    ]
  },
})

/** How long one operation takes when nothing else waits, beside the least a thread's answer can cost. */
export const alone = (engine: Engine, roundTrip: (pauseMs: number) => Promise<void>): Measurement => ({
  name: 'echo, one in flight',
  async measure(rounds) {
    const slowest: number[] = []
    const ours = async () => {
      const times = await timesUs(async () => engine.submit({type: 'echo'}), ROUND_MS)
      slowest.push(quantile(times, 0.99))
      return median(times)
    }

    const theirs = async () => median(await timesUs(async () => roundTrip(0), ROUND_MS))
    const pairs = await inTurns(rounds, ours, theirs)
    return [
      {
        name: 'one echo in flight, p50',
        unit: 'x',
        peer: 'a bare ThreadsafeFunction',
        better: 'lower',
        bound: 1.5,
        values: pairs.map((pair) => pair.ours / pair.theirs),
        behind: {
          'ours us': median(pairs.map((pair) => pair.ours)),
          'bare us': median(pairs.map((pair) => pair.theirs)),
        },
      },
      {
        name: 'one echo in flight, p99',
        unit: 'us',
        peer: null,
        better: 'lower',
        bound: 150,
        values: slowest,
        behind: {},
      },
    ]
  },
})

/** How long the most urgent wait while a hundred thousand of the least urgent do. */
export const underFlood = (engine: Engine): Measurement => ({
  name: 'realtime under a flood',
  async measure(rounds) {
    const flood = Array.from({length: FLOOD}, () => ({type: 'echo'}) as const)
    const values: number[] = []
    const seen: number[] = []
    for (let round = 0; round < rounds; round++) {
      const totals: number[] = []
      const untilSettled: number[] = []
      const end = new AbortController()
      const flooded = (async () => {
        while (!end.signal.aborted) await engine.submitBatch(flood, {priority: 'low'})
      })()
      while (totals.length < URGENT) {
        // The engine's own time: the event loop, busy with settling the flood, is not what a priority can speed up.
        const started = performance.now()
        totals.push((await engine.submit({type: 'echo'}, {priority: 'realtime'})).totalUs)
        untilSettled.push((performance.now() - started) * 1000)
      }

      end.abort()
      await flooded
      values.push(quantile(totals, 0.99))
      seen.push(quantile(untilSettled, 0.99))
    }

    return [
      {
        name: `realtime echo while low floods ${FLOOD}, p99 in the engine`,
        unit: 'us',
        peer: null,
        better: 'lower',
        bound: 1000,
        values,
        behind: {'p99 us until awaited': median(seen)},
      } satisfies Row,
    ]
  },
})
