import {chunk, quantile} from 'simple-statistics'

import type {Engine, Priority} from '../../engine/engine.ts'
import type {Round, Side, Suite, SuiteContext} from './suite.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {inWindow, perSecond, Stretches, timesUs} from '../timing.ts'

const LARGE = 1024
const MEDIUM = 64
/** Long enough that filling and emptying the window does not show. */
const WINDOWS = 16
/** Operations of a stretch that is timed by itself, some milliseconds long: in turns with many others, and one by one. */
const STRETCH = 4096
const STRETCH_ALONE = 256
const PRIORITIES: readonly Priority[] = ['low', 'normal', 'high', 'critical']
const WARM_UP_MS = 100
/** Where rounds are short, so is this. */
const WARM_UP_ROUNDS = 4
const NOTHING_WAITS = {
  status: 'not_available',
  reason: 'without its sleep nothing in the old module ever waits, so no operation can overtake another',
} as const

export const coordination: Suite = {
  name: 'coordination',
  description: 'echo operations of one number: what it costs to hand an operation over and get its answer back',
  metrics: [
    {
      name: 'throughput',
      title: `throughput, ${LARGE} in flight`,
      unit: 'ops/s',
      better: 'higher',
      target: {kind: 'value', bound: 50_000},
      point: inFlight(LARGE),
    },
    {
      name: 'throughput_64',
      title: `throughput, ${MEDIUM} in flight`,
      unit: 'ops/s',
      better: 'higher',
      point: inFlight(MEDIUM),
    },
    {name: 'throughput_1', title: 'throughput, one by one', unit: 'ops/s', better: 'higher', point: inFlight(1)},
    {name: 'latency_p50', title: 'latency p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', title: 'latency p99', unit: 'us', better: 'lower', target: {kind: 'value', bound: 1000}},
    {name: 'urgent_p99', title: `latency p99 of urgent ones among ${LARGE}`, unit: 'us', better: 'lower'},
  ],
  notes: [
    `Throughput is with ${LARGE}, ${MEDIUM} and 1 operations in flight, latency with one. Accelerated operations come from one JavaScript thread, four priorities in turn, and are timed around submit(): everything between JavaScript and the engine is part of it. Urgent ones are realtime operations, one at a time, while ${LARGE} of low priority are in flight.`,
    'Legacy operations are timed inside their own Python process, so that no pipe slows them down, with as many callers of one event loop as there are operations in flight. As shipped it sleeps in each operation, and sleeps side by side where many are in flight; it knows no priorities, so the latency of urgent ones is that of any.',
  ],
  cases: async (context) => [
    {
      title: 'coordination',
      metrics: coordination.metrics.map(({name}) => name),
      rounds: context.effort.rounds,
      divisible: true,
      sides: {
        [LEGACY_AS_SHIPPED]: {...legacySide(context, true), rounds: Math.ceil(context.effort.rounds / 2)},
        [LEGACY_WITHOUT_SLEEP]: {...legacySide(context, false), lacks: {urgent_p99: NOTHING_WAITS}},
        [ACCELERATED]: acceleratedSide(context),
      },
    },
  ],
}

function inFlight(x: number) {
  return {axis: 'operations in flight', x}
}

function acceleratedSide({effort, participants}: SuiteContext): Side {
  const round = async (durationMs: number): Promise<Round> => {
    const engine = await participants.engine()
    const latencies = await timesUs(async () => engine.submit({type: 'echo', data: [0]}), durationMs)
    const rateWith = async (window: number) => {
      const count = window * WINDOWS
      const stretches = new Stretches(Math.min(count, STRETCH))
      const times = await timesUs(async () => {
        stretches.begin()
        await inWindow(window, count, echo(engine), stretches.add)
      }, durationMs)
      return {rate: perSecond(times.length * count, times), stretches: stretches.rates}
    }

    const large = await rateWith(LARGE)
    const medium = await rateWith(MEDIUM)
    const alone = chunk(latencies, STRETCH_ALONE).filter(({length}) => length === STRETCH_ALONE)
    return {
      values: {
        throughput: large.rate,
        throughput_64: medium.rate,
        throughput_1: perSecond(latencies.length, latencies),
        urgent_p99: quantile(await urgentLatencies(engine, durationMs), 0.99),
        ...percentiles(latencies),
      },
      stretches: {
        throughput: large.stretches,
        throughput_64: medium.stretches,
        throughput_1: alone.map((stretch) => perSecond(stretch.length, stretch)),
        latency_p50: alone.map((stretch) => quantile(stretch, 0.5)),
      },
      latenciesUs: {latency: latencies},
    }
  }

  return {
    async prepare() {
      await round(warmUpMs(effort))
    },
    measure: async (share = 1) => round(effort.roundMs * share),
  }
}

function echo(engine: Engine): (index: number) => Promise<unknown> {
  return async (index) =>
    engine.submit({type: 'echo', data: [index]}, {priority: PRIORITIES[index % PRIORITIES.length]!})
}

/** Latencies of realtime operations while the engine never runs out of others. */
async function urgentLatencies(engine: Engine, durationMs: number): Promise<number[]> {
  const over = new AbortController()
  const load = Array.from({length: LARGE}, async (_, index) => {
    while (!over.signal.aborted) await engine.submit({type: 'echo', data: [index]}, {priority: 'low'})
  })
  try {
    return await timesUs(async () => engine.submit({type: 'echo', data: [0]}, {priority: 'realtime'}), durationMs)
  } finally {
    over.abort()
    await Promise.all(load)
  }
}

function legacySide({effort, participants}: SuiteContext, sleep: boolean): Side {
  const measureWith = async (window: number, durationMs: number) => {
    const engine = await participants.legacy({sleep})
    return engine.measureCoordination({durationMs, elements: 1, limitMs: durationMs + effort.patienceMs, window})
  }

  const round = async (durationMs: number): Promise<Round> => {
    const {latenciesUs} = await measureWith(1, durationMs)
    const medium = await measureWith(MEDIUM, durationMs)
    const large = await measureWith(LARGE, durationMs)
    return {
      values: {
        throughput: perSecond(large.latenciesUs.length, [large.elapsedUs]),
        throughput_64: perSecond(medium.latenciesUs.length, [medium.elapsedUs]),
        throughput_1: perSecond(latenciesUs.length, latenciesUs),
        ...(sleep && {urgent_p99: quantile([...large.latenciesUs], 0.99)}),
        ...percentiles(latenciesUs),
      },
      latenciesUs: {latency: latenciesUs},
    }
  }

  return {
    async prepare() {
      await round(warmUpMs(effort))
    },
    measure: async () => round(effort.roundMs),
  }
}

function percentiles(latenciesUs: readonly number[]): Round['values'] {
  const [p50, p99] = quantile([...latenciesUs], [0.5, 0.99])
  return {latency_p50: p50!, latency_p99: p99!}
}

function warmUpMs({roundMs}: SuiteContext['effort']): number {
  return Math.min(WARM_UP_MS, WARM_UP_ROUNDS * roundMs)
}
