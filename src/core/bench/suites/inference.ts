import {quantile} from 'simple-statistics'

import type {Engine, InferenceOperation, OperationResult} from '../../engine/engine.ts'

import {NpuBridgeError} from '../../errors.ts'
import {describeInputs, type Description, inputsFor, takesBatches} from '../model-inputs.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {inWindow, perSecond, timesUs} from '../timing.ts'
import {absent, type Case, type Round, type Side, type Suite, type SuiteContext} from './suite.ts'

const WINDOW = 16
const BATCHES = [8, 32] as const
const LEGACY_HAS_NONE = 'the old module runs no models'
const NO_MODEL = 'there is no model here: npubridge models pull silero-vad'

export const inference: Suite = {
  name: 'inference',
  description: 'inferences of a real model, tuned for latency and for throughput, one by one and in batches',
  metrics: [
    {name: 'throughput', title: `throughput, ${WINDOW} in flight`, unit: 'inferences/s', better: 'higher'},
    {name: 'latency_p50', title: 'latency p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', title: 'latency p99', unit: 'us', better: 'lower'},
    {
      name: 'throughput_tuned',
      title: 'throughput, tuned for it',
      unit: 'inferences/s',
      better: 'higher',
      point: {axis: 'items of a batch', x: 1},
    },
    ...BATCHES.map(
      (size) =>
        ({
          name: `throughput_batch_${size}`,
          title: `throughput, batches of ${size}`,
          unit: 'inferences/s',
          better: 'higher',
          point: {axis: 'items of a batch', x: size},
        }) as const,
    ),
  ],
  notes: [
    `Throughput is with ${WINDOW} inferences in flight, latency with one, on an engine of the profile latency; both are timed around submit(), inputs copied in and outputs out. Latency is told apart into the time before the work and the work itself.`,
    `Tuned for throughput, and in batches, they are on an engine of the profile throughput: ${WINDOW} inferences in flight; batches are one operation with so many items, and count as so many inferences.`,
  ],
  async cases(context) {
    const model = await context.model()
    const latencyCase = caseOf(
      'inference',
      ['throughput', 'latency_p50', 'latency_p99'],
      model === null ? absent('not_available', NO_MODEL) : latencySide(context, model),
      context,
    )
    const tunedCase = caseOf(
      'inference tuned for throughput',
      ['throughput_tuned', ...BATCHES.map((size) => `throughput_batch_${size}`)],
      model === null ? absent('not_available', NO_MODEL) : tunedSide(context, model),
      context,
    )
    return [latencyCase, tunedCase]
  },
}

function caseOf(title: string, metrics: readonly string[], accelerated: Side, {effort}: SuiteContext): Case {
  return {
    title,
    metrics,
    rounds: effort.rounds,
    sides: {
      [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_HAS_NONE),
      [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_HAS_NONE),
      [ACCELERATED]: accelerated,
    },
  }
}

function latencySide({effort, note, participants}: SuiteContext, model: string): Side {
  let operation: InferenceOperation
  const round = async (): Promise<Round> => {
    const engine = await participants.engine()
    const results: OperationResult[] = []
    const latencies = await timesUs(async () => {
      results.push(await engine.submit(operation))
    }, effort.roundMs)
    const [p50, p99] = quantile(latencies, [0.5, 0.99])
    return {
      values: {throughput: await rate(engine, operation, effort.roundMs), latency_p50: p50!, latency_p99: p99!},
      latenciesUs: {
        latency: latencies,
        queue: results.map(({queueUs}) => queueUs),
        compute: results.map(({computeUs}) => computeUs),
      },
    }
  }

  return {
    async prepare() {
      const description = await load(await participants.engine(), model)
      operation = {type: 'inference', model, inputs: inputsFor(description)}
      note(`The model is ${model}, its inputs ${describeInputs(operation.inputs)}.`)
      await round()
    },
    measure: round,
  }
}

function tunedSide({effort, participants}: SuiteContext, model: string): Side {
  let description: Description
  const round = async (): Promise<Round> => {
    const engine = await participants.tunedEngine()
    const operationOf = (batch: number): InferenceOperation => ({
      type: 'inference',
      model,
      inputs: inputsFor(description, batch),
    })
    const values: Record<string, number> = {throughput_tuned: await rate(engine, operationOf(1), effort.roundMs)}
    if (!takesBatches(description)) return {values}
    for (const size of BATCHES) {
      values[`throughput_batch_${size}`] = size * (await rate(engine, operationOf(size), effort.roundMs))
    }

    return {values}
  }

  return {
    lacks: Object.fromEntries(
      BATCHES.map((size) => [
        `throughput_batch_${size}`,
        {status: 'not_available', reason: `${model} takes one item at a time`} as const,
      ]),
    ),
    async prepare() {
      description = await load(await participants.tunedEngine(), model)
      await round()
    },
    measure: round,
  }
}

async function load(engine: Engine, model: string): Promise<Description> {
  const {data} = await engine.submit({type: 'load_model', model})
  if (typeof data === 'object' && data !== null && 'inputs' in data) return data as Description
  throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the ${engine.kind} engine does not tell what ${model} takes`)
}

/** Operations per second with a full window, over at least `durationMs`. */
async function rate(engine: Engine, operation: InferenceOperation, durationMs: number): Promise<number> {
  const count = 4 * WINDOW
  const times = await timesUs(async () => inWindow(WINDOW, count, async () => engine.submit(operation)), durationMs)
  return perSecond(times.length * count, times)
}
