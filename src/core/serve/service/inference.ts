/** One inference, whatever it came by: from the protocol's terms to an operation of the engine and back. */
import type {Engine, Operation, OperationResult, Priority, SubmitOptions, Tensor} from '../../engine/engine.ts'
import type {Sequences} from './sequences.ts'
import type {WireTensor} from './tensor.ts'

import {datatypeOf} from '../../engine/validate.ts'
import {NpuBridgeError} from '../../errors.ts'
import {showValue} from '../../run/fields.ts'
import {Refusal, TOO_LARGE} from './refusal.ts'
import {checkNames, type ServedModel} from './served-model.ts'

/** The place of an inference in a series whose state the server keeps. */
export interface SequenceStep {
  readonly id: string
  readonly start: boolean
  readonly end: boolean
}

export interface InferRequest {
  readonly id: string
  readonly inputs: Readonly<Record<string, WireTensor>>
  /** Names of the outputs to give; all when undefined. */
  readonly outputs: readonly string[] | undefined
  /** The inputs' buffer is of this request alone and holds one input. */
  readonly owned: boolean
  /** From 1, the highest, to 5; 0 for the default. */
  readonly priority: number
  readonly timeoutUs: number | undefined
  readonly sequence: SequenceStep | undefined
}

export interface InferResponse {
  readonly id: string
  readonly model: ServedModel
  /** In the order of the request, else of the model. */
  readonly outputs: ReadonlyArray<readonly [name: string, tensor: WireTensor]>
  readonly result: OperationResult
}

/** By the protocol's number; the protocol leaves it open how many there are. */
const PRIORITY_LEVELS: readonly Priority[] = ['normal', 'realtime', 'critical', 'high', 'normal', 'low']
/** Below this many bytes an engine copies in any case. */
const TRANSFER_FROM_BYTES = 64 * 1024

/** Whether it goes before everything else. */
export function isUrgent({priority}: InferRequest): boolean {
  return PRIORITY_LEVELS[priority] === 'realtime'
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT */
export function priorityOf(value: unknown): number {
  const level = typeof value === 'bigint' ? Number(value) : value
  if (level === undefined) return 0
  if (typeof level === 'number' && Number.isInteger(level) && level >= 0 && level < PRIORITY_LEVELS.length) return level
  throw new NpuBridgeError('INVALID_ARGUMENT', `parameters.priority is ${showValue(value)}`, {
    suggestions: ['1 is the highest (realtime), then 2 critical, 3 high, 4 normal, 5 low; 0 is the default'],
  })
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT */
export function timeoutOf(value: unknown): number | undefined {
  const timeout = typeof value === 'bigint' ? Number(value) : value
  // The protocol's clients send 0 for none.
  if (timeout === undefined || timeout === 0) return undefined
  if (typeof timeout === 'number' && Number.isSafeInteger(timeout) && timeout > 0) return timeout
  throw new NpuBridgeError('INVALID_ARGUMENT', `parameters.timeout is ${showValue(value)}, it takes microseconds`)
}

const LONGEST_SEQUENCE_NAME = 256
/** What clients send where there is none. */
const NO_SEQUENCE = new Set<unknown>([undefined, 0, ''])

/** @throws {NpuBridgeError} INVALID_ARGUMENT */
export function sequenceOf(id: unknown, start: unknown, end: unknown): SequenceStep | undefined {
  if (NO_SEQUENCE.has(id)) return undefined
  return {id: sequenceName(id), start: start === true, end: end === true}
}

function sequenceName(id: unknown): string {
  if (typeof id === 'string' && id.length <= LONGEST_SEQUENCE_NAME) return id
  if (typeof id === 'bigint' || (typeof id === 'number' && Number.isSafeInteger(id))) return String(id)
  throw new NpuBridgeError(
    'INVALID_ARGUMENT',
    `parameters.sequence_id is ${showValue(id)}, it takes a number or a name`,
  )
}

/**
 * Submits an inference of a model that is ready.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for names that the model does not have, SHAPE_MISMATCH, DTYPE_MISMATCH, and
 *   what the engine fails with
 */
export async function inferWith(
  engine: Pick<Engine, 'submit'>,
  model: ServedModel,
  request: InferRequest,
  context: {
    readonly sequences: Sequences
    readonly signal: AbortSignal | undefined
    readonly mostOutputElements: number
  },
): Promise<InferResponse> {
  checkNames(Object.keys(request.inputs), model.inputs, 'inputs', model.name)
  if (request.outputs) checkNames(request.outputs, model.outputs, 'outputs', model.name)
  const operation = operationOf(model, request, context)
  const result = await engine.submit(operation, submitOptions(request, context.signal))
  return {id: request.id, model, outputs: outputsOf(model, request, result), result}
}

function submitOptions({priority, timeoutUs}: InferRequest, signal: AbortSignal | undefined): SubmitOptions {
  return {
    priority: PRIORITY_LEVELS[priority]!,
    timeoutMs: timeoutUs === undefined ? undefined : timeoutUs / 1000,
    signal,
  }
}

function operationOf(
  model: ServedModel,
  request: InferRequest,
  {mostOutputElements, sequences}: {readonly sequences: Sequences; readonly mostOutputElements: number},
): Operation {
  const {inputs, owned, sequence} = request
  if (model.kind === 'echo') return {type: 'echo', data: inputOf(inputs, 'data').data}
  for (const name in inputs) checkComputes(name, inputs[name]!)
  const tensors = inputs as Readonly<Record<string, Tensor>>
  if (model.kind === 'matrix_multiply') {
    const a = inputOf(inputs, 'a') as Tensor
    const b = inputOf(inputs, 'b') as Tensor
    const elements = (a.shape[0] ?? 0) * (b.shape[1] ?? 0)
    if (elements <= mostOutputElements) return {type: 'matrix_multiply', inputs: {a, b}}
    throw new Refusal(
      TOO_LARGE,
      'RESOURCE_EXHAUSTED',
      `the product would have ${elements} elements, at most ${mostOutputElements}`,
    )
  }

  const stream = sequence && sequences.streamOf(model.name, sequence)
  return {
    type: 'inference',
    model: model.reference,
    inputs: tensors,
    ...(owned && isLarge(inputs) && {transfer: true}),
    ...(stream !== undefined && {stream, endOfStream: sequence!.end}),
  }
}

function isLarge(inputs: InferRequest['inputs']): boolean {
  const [first] = Object.values(inputs)
  return first !== undefined && first.data.byteLength > TRANSFER_FROM_BYTES
}

function inputOf(inputs: InferRequest['inputs'], name: string): WireTensor {
  const tensor = inputs[name]
  if (tensor) return tensor
  throw new NpuBridgeError('INVALID_ARGUMENT', `inputs.${name} is missing`)
}

function checkComputes(name: string, {datatype}: WireTensor): void {
  if (datatype !== 'BYTES') return
  throw new NpuBridgeError('DTYPE_MISMATCH', `inputs.${name} is BYTES, which no OpenVINO model computes with`)
}

function outputsOf(model: ServedModel, request: InferRequest, result: OperationResult): InferResponse['outputs'] {
  if (model.kind === 'echo') {
    const {datatype, shape} = request.inputs.data!
    return [['data', {datatype, shape, data: result.data as WireTensor['data']}]]
  }

  const outputs = result.outputs ?? {}
  // A stream keeps the state outputs to itself.
  const names = request.outputs ?? Object.keys(outputs)
  return names.map((name) => {
    const tensor = outputs[name]
    if (tensor) return [name, {datatype: datatypeOf(tensor), shape: tensor.shape, data: tensor.data}] as const
    throw new NpuBridgeError('INVALID_ARGUMENT', `outputs: ${name} belongs to the state of the sequence`)
  })
}

/** How many items a request has. */
export function batchSizeOf(model: ServedModel, {inputs}: InferRequest): number {
  if (!model.batches) return 1
  const [first] = Object.values(inputs)
  return first?.shape[0] ?? 1
}
