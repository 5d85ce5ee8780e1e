/** A recording through a model: its samples are prepared, cut into frames, and inferred in order as one stream. */
import type {
  Engine,
  InferenceOperation,
  OperationResult,
  OutputTensor,
  SubmitOptions,
  Tensor,
  TensorData,
} from '../engine/engine.ts'
import type {Framing} from './framing.ts'

import {NpuBridgeError} from '../errors.ts'
import {segmentsOf} from './segments.ts'

/** Frames that are submitted before the first of them is waited for. */
const WINDOW = 512

let streams = 0

/**
 * The outputs are those of all frames, one after the other along their first dimension; `data` is the number of frames
 * and, where they are asked for, the segments in seconds. Times are those of all frames together.
 *
 * @throws {NpuBridgeError} what is wrong with the samples, or why a step or a frame failed
 */
export async function submitFramed(
  engine: Pick<Engine, 'submit'>,
  operation: InferenceOperation,
  framing: Framing,
  options: SubmitOptions,
): Promise<OperationResult> {
  const start = performance.now()
  const inputs = Object.entries(operation.inputs)
  const [input] = inputs
  if (input === undefined || inputs.length > 1) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `inputs has ${inputs.length} tensors, frames are cut from one`)
  }

  const [name, tensor] = input
  const samples = await prepared(engine, tensor, framing, options)
  const frames = cut(samples, framing)
  const results: OperationResult[] = []
  const stream = operation.stream ?? `frames ${++streams}`
  const isLast = (index: number) => index === frames.length - 1 && (operation.endOfStream ?? !operation.stream)
  for (let from = 0; from < frames.length; from += WINDOW) {
    const answers = await Promise.allSettled(
      frames.slice(from, from + WINDOW).map(async (data, index) => {
        const frame = {[name]: {data, shape: [1, data.length]}}
        const step = {type: 'inference', model: operation.model, inputs: frame, stream} as const
        return engine.submit(isLast(from + index) ? {...step, endOfStream: true} : step, options)
      }),
    )
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') throw withFrame(answer.reason, from + index, frames.length)
      results.push(answer.value)
    }
  }

  return together(results, {framing, samples: samples.length, totalUs: (performance.now() - start) * 1000})
}

/** One channel of FP32, after the steps. */
async function prepared(
  engine: Pick<Engine, 'submit'>,
  tensor: Tensor,
  {steps}: Framing,
  options: SubmitOptions,
): Promise<Float32Array> {
  let samples: Pick<Tensor, 'data' | 'shape'> = tensor
  if (steps !== undefined) {
    const {outputs = {}} = await engine.submit({type: 'signal', steps: steps as never, data: tensor}, options)
    samples = Object.values(outputs)[0]!
  }

  const {data, shape} = samples
  const length = shape.at(-1) ?? 0
  if (length === 0 || data.length !== length || data instanceof BigInt64Array || data instanceof BigUint64Array) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `the samples have shape [${shape.join(', ')}], frames are cut from one channel`,
    )
  }

  return data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>)
}

/** Views of one buffer: frames share their context with those before. The last is filled up with zeros. */
function cut(samples: Float32Array, {context = 0, length}: Framing): Float32Array[] {
  const count = Math.ceil(samples.length / length)
  const padded = new Float32Array(context + count * length)
  padded.set(samples, context)
  return Array.from({length: count}, (_, index) => padded.subarray(index * length, (index + 1) * length + context))
}

function withFrame(error: unknown, index: number, count: number): unknown {
  if (!(error instanceof NpuBridgeError)) return error
  const {cause, code, message, suggestions} = error
  return new NpuBridgeError(code, `frame ${index + 1} of ${count}: ${message}`, {cause: cause ?? error, suggestions})
}

function together(
  results: readonly OperationResult[],
  {framing, samples, totalUs}: {readonly framing: Framing; readonly samples: number; readonly totalUs: number},
): OperationResult {
  const first = results[0]!
  const outputs = Object.fromEntries(
    Object.keys(first.outputs ?? {}).map((name) => [name, stacked(results.map((each) => each.outputs![name]!))]),
  )
  const [output] = Object.values(outputs)
  const {length, segments} = framing
  const data = {
    frames: results.length,
    ...(segments &&
      output && {segments: segmentsOf(firstOfEach(output, results.length), {length, total: samples}, segments)}),
  }
  return {
    ...first,
    outputs,
    data,
    fallback: results.find(({fallback}) => fallback !== null)?.fallback ?? null,
    computeUs: results.reduce((sum, {computeUs}) => sum + computeUs, 0),
    totalUs,
  }
}

function stacked(tensors: readonly OutputTensor[]): OutputTensor {
  const {data, shape} = tensors[0]!
  const all = new (data.constructor as new (length: number) => TensorData)(data.length * tensors.length)
  for (const [index, tensor] of tensors.entries()) {
    if (tensor.data.length !== data.length) {
      throw new NpuBridgeError(
        'SHAPE_MISMATCH',
        `frame ${index + 1} gave ${tensor.data.length} values, the first ${data.length}`,
      )
    }

    all.set(tensor.data as never, index * data.length)
  }

  const [rows = 1, ...inner] = shape
  return {...tensors[0]!, data: all, shape: [rows * tensors.length, ...inner]}
}

function firstOfEach({data}: OutputTensor, frames: number): number[] {
  const width = data.length / frames
  return Array.from({length: frames}, (_, index) => Number(data[index * width]))
}
