import {quantile} from 'simple-statistics'

import type {OperationResult} from '../../engine/engine.ts'

import {arrivalTimesUs} from '../arrivals.ts'
import {inputsFor} from '../model-inputs.ts'
import {openLoop, type OpenLoop} from '../open-loop.ts'
import {type Random, seededRandom} from '../random.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {loadModel} from './load-model.ts'
import {absent, type Round, type Side, type Suite, type SuiteContext} from './suite.ts'

/** All sides are given the same arrivals, round by round. */
const SEED = 20_260_402
const US_PER_MS = 1000
const MS_PER_S = 1000
const NO_MODELS = 'the old module runs no models'
const METRICS = [
  {name: 'latency_p50', title: 'latency p50', unit: 'us', better: 'lower'},
  {name: 'latency_p99', title: 'latency p99', unit: 'us', better: 'lower'},
  {name: 'goodput', title: 'answered in time', unit: 'ops/s', better: 'higher'},
  {name: 'missed', title: 'too late or failed', unit: '%', better: 'lower'},
] as const

export const load: Suite = {
  name: 'load',
  description: 'operations that come at a given rate, whether or not earlier ones are done: waiting counts',
  metrics: [
    ...METRICS,
    ...METRICS.map((metric) => ({...metric, name: `inference_${metric.name}`, title: `inference, ${metric.title}`})),
  ],
  notes: [
    'Each operation is timed from the instant at which it was due, so that one which has to wait, or whose caller is late, is not flattered. All sides are given the same arrivals. Legacy operations come and are timed inside their own Python process.',
  ],
  async cases(context) {
    const {arrivals, deadlineMs, durationMs, rate} = context.effort.load
    context.note(
      `Operations come ${arrivals === 'poisson' ? 'independently of each other (Poisson)' : 'evenly spaced'}, ${rate} a second for ${durationMs} ms; in time is an answer within ${deadlineMs} ms.`,
    )
    const rounds = Math.ceil(0.6 * context.effort.rounds)
    return [
      {
        title: 'load',
        metrics: METRICS.map(({name}) => name),
        rounds,
        sides: {
          [LEGACY_AS_SHIPPED]: {...legacySide(context, true), rounds: Math.ceil(rounds / 2)},
          [LEGACY_WITHOUT_SLEEP]: legacySide(context, false),
          [ACCELERATED]: echoSide(context),
        },
      },
      {
        title: 'load of inferences',
        metrics: METRICS.map(({name}) => `inference_${name}`),
        rounds,
        sides: {
          [LEGACY_AS_SHIPPED]: absent('not_available', NO_MODELS),
          [LEGACY_WITHOUT_SLEEP]: absent('not_available', NO_MODELS),
          [ACCELERATED]: await inferenceSide(context),
        },
      },
    ]
  },
}

function arrivalsOf({effort}: SuiteContext): () => number[] {
  const random: Random = seededRandom(SEED)
  return () => arrivalTimesUs(effort.load, random)
}

function echoSide(context: SuiteContext): Side {
  const arrivals = arrivalsOf(context)
  const round = async (times: readonly number[]): Promise<Round> => {
    const engine = await context.participants.engine()
    const done = await openLoop(times, async (index) => engine.submit({type: 'echo', data: [index]}))
    return {values: valuesOf(done, context, ''), latenciesUs: {'latency under load': done.latenciesUs}}
  }

  return {
    lacks: silence(''),
    async prepare() {
      await round([0])
    },
    measure: async () => round(arrivals()),
  }
}

async function inferenceSide(context: SuiteContext): Promise<Side> {
  const model = await context.model()
  if (model === null) return absent('not_available', 'there is no model here: npubridge models pull silero-vad')
  const arrivals = arrivalsOf(context)
  let submit: () => Promise<OperationResult>
  const round = async (times: readonly number[]): Promise<Round> => {
    const results: OperationResult[] = []
    const done = await openLoop(times, async () => {
      results.push(await submit())
    })
    return {
      values: valuesOf(done, context, 'inference_'),
      latenciesUs: {
        'inference under load': done.latenciesUs,
        'queue under load': results.map(({queueUs}) => queueUs),
        'compute under load': results.map(({computeUs}) => computeUs),
      },
    }
  }

  return {
    lacks: silence('inference_'),
    async prepare() {
      const engine = await context.participants.engine()
      const inputs = inputsFor(await loadModel(engine, model))
      submit = async () => engine.submit({type: 'inference', model, inputs})
      await round([0])
    },
    measure: async () => round(arrivals()),
  }
}

function legacySide(context: SuiteContext, sleep: boolean): Side {
  const arrivals = arrivalsOf(context)
  const {
    load: {durationMs},
    patienceMs,
  } = context.effort
  const round = async (arrivalsUs: readonly number[]): Promise<Round> => {
    const engine = await context.participants.legacy({sleep})
    // One that cannot keep up takes longer than the load lasts.
    const limitMs = durationMs + patienceMs + arrivalsUs.length
    const {latenciesUs} = await engine.measureOpenLoop({arrivalsUs, elements: 1, limitMs})
    return {values: valuesOf({latenciesUs, failed: 0}, context, ''), latenciesUs: {'latency under load': latenciesUs}}
  }

  return {
    async prepare() {
      await round([0])
    },
    measure: async () => round(arrivals()),
  }
}

/** Why there are no latencies where nothing is answered. */
function silence(prefix: string): NonNullable<Side['lacks']> {
  const none = {status: 'failed', reason: 'no operation was answered'} as const
  return {[`${prefix}latency_p50`]: none, [`${prefix}latency_p99`]: none}
}

/** Percentiles of the answers, and what of all that was asked was worth it. */
function valuesOf({failed, latenciesUs}: OpenLoop, {effort}: SuiteContext, prefix: string): Round['values'] {
  const {deadlineMs, durationMs} = effort.load
  const inTime = latenciesUs.filter((latency) => latency <= deadlineMs * US_PER_MS).length
  const values = {
    ...(latenciesUs.length > 0 && {
      latency_p50: quantile([...latenciesUs], 0.5),
      latency_p99: quantile([...latenciesUs], 0.99),
    }),
    goodput: (inTime * MS_PER_S) / durationMs,
    missed: 100 * (1 - inTime / (latenciesUs.length + failed)),
  }
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}
