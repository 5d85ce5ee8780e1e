import {quantile} from 'simple-statistics'

import type {Engine, Priority} from '../../engine/engine.ts'
import type {LegacyEngine} from '../../engine/legacy.ts'
import type {Sample, Side, Suite, SuiteContext} from './suite.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {inWindow, perSecond, timesUs} from '../timing.ts'

const WINDOW = 1024
/** Long enough that filling and emptying the window does not show. */
const OPERATIONS = 16 * WINDOW
const PRIORITIES: readonly Priority[] = ['low', 'normal', 'high', 'critical']
const WARM_UP_MS = 100

export const coordination: Suite = {
  name: 'coordination',
  description: 'echo operations of one number: what it costs to hand an operation over and get its answer back',
  metrics: [
    {name: 'throughput', unit: 'ops/s', better: 'higher', target: {kind: 'value', bound: 50_000}},
    {name: 'latency_p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', unit: 'us', better: 'lower', target: {kind: 'value', bound: 1000}},
  ],
  notes: [
    `Accelerated throughput is with ${WINDOW} operations in flight from one JavaScript thread, four priorities in turn; latency is with one in flight. Both are timed around submit() and include everything between JavaScript and the engine.`,
    'Legacy operations are timed inside their own Python process, so that no pipe slows them down, one at a time: nothing in the old module runs at once, and without its sleep more in flight would only add to its work. As shipped it sleeps in each operation.',
  ],
  cases: async (context) => [
    {
      title: 'coordination',
      metrics: ['throughput', 'latency_p50', 'latency_p99'],
      rounds: context.effort.rounds,
      sides: {
        [LEGACY_AS_SHIPPED]: {...legacySide(context, true), rounds: Math.ceil(context.effort.rounds / 2)},
        [LEGACY_WITHOUT_SLEEP]: legacySide(context, false),
        [ACCELERATED]: acceleratedSide(context),
      },
    },
  ],
}

function acceleratedSide({effort, participants}: SuiteContext): Side {
  const round = async (durationMs: number): Promise<Sample> => {
    const engine = await participants.engine()
    const windows = await timesUs(async () => fullWindow(engine), durationMs)
    const latencies = await timesUs(async () => engine.submit({type: 'echo', data: [0]}), durationMs)
    return {throughput: perSecond(windows.length * OPERATIONS, windows), ...percentiles(latencies)}
  }

  return {
    async prepare() {
      await round(WARM_UP_MS)
    },
    measure: async () => round(effort.roundMs),
  }
}

async function fullWindow(engine: Engine): Promise<void> {
  await inWindow(WINDOW, OPERATIONS, async (index) =>
    engine.submit({type: 'echo', data: [index]}, {priority: PRIORITIES[index % PRIORITIES.length]!}),
  )
}

function legacySide({effort, participants}: SuiteContext, sleep: boolean): Side {
  const round = async (engine: LegacyEngine, durationMs: number): Promise<Sample> => {
    const limitMs = durationMs + effort.patienceMs
    const {latenciesUs} = await engine.measureCoordination({durationMs, elements: 1, limitMs})
    return {throughput: perSecond(latenciesUs.length, latenciesUs), ...percentiles(latenciesUs)}
  }

  return {
    async prepare() {
      await round(await participants.legacy({sleep}), WARM_UP_MS)
    },
    measure: async () => round(await participants.legacy({sleep}), effort.roundMs),
  }
}

function percentiles(latenciesUs: readonly number[]): Sample {
  const [p50, p99] = quantile([...latenciesUs], [0.5, 0.99])
  return {latency_p50: p50!, latency_p99: p99!}
}
