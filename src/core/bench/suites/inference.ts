import {quantile} from 'simple-statistics'

import type {Datatype, InferenceOperation, Tensor, TensorData} from '../../engine/engine.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {inWindow, perSecond, timesUs} from '../timing.ts'
import {absent, type Sample, type Side, type Suite, type SuiteContext} from './suite.ts'

const WINDOW = 16
/** What stands for a free dimension: one item of a batch, and texts of this many tokens. */
const FREE_DIMENSION = 128
const LEGACY_HAS_NONE = 'the old module runs no models'

export const inference: Suite = {
  name: 'inference',
  description: 'inferences of a real model',
  metrics: [
    {name: 'throughput', unit: 'inferences/s', better: 'higher'},
    {name: 'latency_p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', unit: 'us', better: 'lower'},
  ],
  notes: [
    `Throughput is with ${WINDOW} inferences in flight, latency with one, both timed around submit(), inputs copied in and outputs out.`,
  ],
  cases: async (context) => [
    {
      title: 'inference',
      metrics: ['throughput', 'latency_p50', 'latency_p99'],
      rounds: context.effort.rounds,
      sides: {
        [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_HAS_NONE),
        [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_HAS_NONE),
        [ACCELERATED]: await acceleratedSide(context),
      },
    },
  ],
}

async function acceleratedSide({effort, model, note, participants}: SuiteContext): Promise<Side> {
  const name = await model()
  if (name === null) {
    return absent('not_available', 'there is no model here: npubridge models pull silero-vad')
  }

  let operation: InferenceOperation
  const round = async (durationMs: number): Promise<Sample> => {
    const engine = await participants.engine()
    const latencies = await timesUs(async () => engine.submit(operation), durationMs)
    const [p50, p99] = quantile(latencies, [0.5, 0.99])
    const count = Math.max(WINDOW, Math.ceil((durationMs * 1000) / p50!))
    const windows = await timesUs(async () => inWindow(WINDOW, count, async () => engine.submit(operation)), 0)
    return {throughput: perSecond(windows.length * count, windows), latency_p50: p50!, latency_p99: p99!}
  }

  return {
    async prepare() {
      const engine = await participants.engine()
      const loaded = await engine.submit({type: 'load_model', model: name})
      operation = {type: 'inference', model: name, inputs: inputsOf(loaded.data)}
      note(`The model is ${name}, its inputs ${describe(operation.inputs)}.`)
      await round(effort.roundMs)
    },
    measure: async () => round(effort.roundMs),
  }
}

interface TensorInfo {
  readonly datatype: Datatype
  readonly name: string
  readonly shape: readonly number[]
}

/** Inputs for a model that `load_model` has described: the same ones each time, and none of them zero. */
function inputsOf(description: unknown): Record<string, Tensor> {
  const {inputs} = description as {readonly inputs: readonly TensorInfo[]}
  return Object.fromEntries(
    inputs.map(({datatype, name, shape: declared}) => {
      const shape = declared.map((size, axis) => (size >= 0 ? size : axis === 0 ? 1 : FREE_DIMENSION))
      const elements = shape.reduce((product, size) => product * size, 1)
      return [name, {datatype, shape, data: valuesOf(datatype, elements)}]
    }),
  )
}

/** A wave for numbers with fractions, ones for all others: token numbers, masks and bytes take them. */
function valuesOf(datatype: Datatype, elements: number): TensorData {
  const wave = (_: unknown, index: number) => 0.3 * Math.sin(index / 5)
  switch (datatype) {
    case 'BOOL':
    case 'UINT8': {
      return new Uint8Array(elements).fill(1)
    }

    case 'FP32': {
      return Float32Array.from({length: elements}, wave)
    }

    case 'FP64': {
      return Float64Array.from({length: elements}, wave)
    }

    case 'INT8': {
      return new Int8Array(elements).fill(1)
    }

    case 'INT16': {
      return new Int16Array(elements).fill(1)
    }

    case 'INT32': {
      return new Int32Array(elements).fill(1)
    }

    case 'INT64': {
      return new BigInt64Array(elements).fill(1n)
    }

    case 'UINT32': {
      return new Uint32Array(elements).fill(1)
    }

    case 'UINT64': {
      return new BigUint64Array(elements).fill(1n)
    }

    case 'BF16':
    case 'FP16':
    case 'UINT16': {
      return new Uint16Array(elements).fill(1)
    }
  }
}

function describe(inputs: Readonly<Record<string, Tensor>>): string {
  return Object.entries(inputs)
    .map(([name, {shape}]) => `${name} [${shape.join(', ')}]`)
    .join(' and ')
}
