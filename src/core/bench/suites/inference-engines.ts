/** The sides of the suite inference that are engines of npubridge. */
import {quantile} from 'simple-statistics'

import type {Engine, InferenceOperation} from '../../engine/engine.ts'
import type {Round, Side, SuiteContext} from './suite.ts'

import {infer} from '../infer.ts'
import {describeInputs, type Description, inputsFor, takesBatches} from '../model-inputs.ts'
import {keepInFlight, timesUs, warmUp} from '../timing.ts'
import {fewRounds} from './inference-peers.ts'
import {loadModel} from './load-model.ts'

export const BATCHES = [8, 32] as const
/** Each is as much work as many inferences. */
const BATCHES_IN_FLIGHT = 4
/** So many times what is in flight is done at least. */
const WINDOWS = 4
/**
 * So many inferences warm a side up. V8 compiles the code of whoever asks for them meanwhile, on the cores that the model
 * runs on: until then each takes that code half as much processor time again.
 */
const CALLS_TO_WARM_UP = 1200

/**
 * Case number `index` of the suite by processes that are started for it, one for each round: how fast a process is
 * depends on where its memory came to lie, so one that stays is no match for a program that is started each time.
 */
export function apartSide(context: SuiteContext, model: string, index: number): Side {
  return {
    rounds: fewRounds(context.effort),
    async prepare() {
      noteModel(context, model, inputsFor(await loadModel(await context.participants.engine(), model)))
    },
    measure: async () => context.measureApart('inference', index),
  }
}

function noteModel({note}: SuiteContext, model: string, inputs: InferenceOperation['inputs']): void {
  note(`The model is ${model}, its inputs ${describeInputs(inputs)}.`)
}

export function latencySide(context: SuiteContext, model: string, open: () => Promise<Engine>): Side {
  const {effort} = context
  let operation: InferenceOperation
  const round = async (): Promise<Round> => {
    const engine = await open()
    const [queue, compute]: [number[], number[]] = [[], []]
    const latencies = await timesUs(async () => {
      const {computeUs, queueUs} = await infer(engine, operation)
      queue.push(queueUs)
      compute.push(computeUs)
    }, effort.roundMs)
    const [p50, p99] = quantile(latencies, [0.5, 0.99])
    return {
      values: {
        throughput: await rate(engine, operation, effort),
        latency_p50: p50!,
        latency_p99: p99!,
        compute_p50: quantile(compute, 0.5),
      },
      latenciesUs: {latency: latencies, queue, compute},
    }
  }

  return {
    async prepare() {
      const engine = await open()
      operation = {type: 'inference', model, inputs: inputsFor(await loadModel(engine, model))}
      noteModel(context, model, operation.inputs)
      await warmUpWith(operation, engine, effort)
      await round()
    },
    measure: round,
  }
}

export function tunedSide({effort}: SuiteContext, model: string, open: () => Promise<Engine>): Side {
  let operation: InferenceOperation
  const round = async (): Promise<Round> => ({values: {throughput_tuned: await rate(await open(), operation, effort)}})
  return {
    async prepare() {
      const engine = await open()
      operation = {type: 'inference', model, inputs: inputsFor(await loadModel(engine, model))}
      await warmUpWith(operation, engine, effort)
      await round()
    },
    measure: round,
  }
}

export function batchSide({effort}: SuiteContext, model: string, open: () => Promise<Engine>): Side {
  let description: Description
  const round = async (): Promise<Round> => {
    const engine = await open()
    const values: Record<string, number> = {}
    if (!takesBatches(description)) return {values}
    for (const size of BATCHES) {
      const operation = {type: 'inference', model, inputs: inputsFor(description, size)} as const
      const work = async () => infer(engine, operation)
      const done = await keepInFlight(BATCHES_IN_FLIGHT, {durationMs: effort.roundMs}, work)
      values[`throughput_batch_${size}`] = done.perSecond * size
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
      description = await loadModel(await open(), model)
      await round()
    },
    measure: round,
  }
}

async function warmUpWith(
  operation: InferenceOperation,
  engine: Engine,
  {concurrency, warmUpMs}: SuiteContext['effort'],
): Promise<void> {
  const limits = {atMostMs: warmUpMs, count: CALLS_TO_WARM_UP}
  await warmUp(concurrency, limits, async () => infer(engine, operation))
}

/** Operations per second with a full window, over at least the time of a round. */
async function rate(
  engine: Engine,
  operation: InferenceOperation,
  {concurrency, roundMs}: SuiteContext['effort'],
): Promise<number> {
  const limits = {durationMs: roundMs, least: WINDOWS * concurrency}
  return (await keepInFlight(concurrency, limits, async () => infer(engine, operation))).perSecond
}
