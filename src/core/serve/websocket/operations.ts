/** The operations of a line, for clients that are elsewhere: names instead of paths, and nothing that runs a command. */
import type {Operation, OperationResult, SignalOperation, SubmitOptions, TensorMap} from '../../engine/engine.ts'
import type {ServeLimits} from '../options.ts'
import type {InferenceService} from '../service/inference-service.ts'

import {NpuBridgeError} from '../../errors.ts'
import {CLOSING, Refusal, TOO_LARGE} from '../service/refusal.ts'
import {checkNames} from '../service/served-model.ts'

const LONGEST_BENCHMARK_MS = 60_000
const LONGEST_DESCRIPTION = 64 * 1024

/** Names of the server that came before this one, beside those that it shares with lines. */
const ALIASES: Readonly<Record<string, string>> = {get_statistics: 'statistics', signal_processing: 'signal'}

/** A message with the name of an operation in place of an old one. */
export function translateMessage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('type' in value)) return value
  const {type} = value
  const meant = typeof type === 'string' && Object.hasOwn(ALIASES, type) ? ALIASES[type] : undefined
  return meant === undefined ? value : {...value, type: meant}
}

export interface OperationContext {
  readonly service: InferenceService
  readonly limits: Pick<ServeLimits, 'tensorElements'>
  /** Tells the streams of this client from those of others. */
  readonly client: string
}

/**
 * Runs an operation of a client.
 *
 * @throws {NpuBridgeError} for what a client may not ask for, and what the engine fails with
 */
export async function runOperation(
  operation: Operation,
  options: SubmitOptions,
  context: OperationContext,
): Promise<OperationResult> {
  const {service} = context
  if (service.isDraining) throw new Refusal(CLOSING, 'CANCELLED', 'the server is shutting down')
  switch (operation.type) {
    case 'inference': {
      return infer(operation, options, context)
    }

    case 'load_model': {
      return loadModel(operation, service)
    }

    case 'unload_model': {
      return unloadModel(operation, service)
    }

    case 'benchmark': {
      return benchmark(operation, options, context)
    }

    case 'signal': {
      return signal(operation, options, context)
    }

    case 'initialize':
    case 'matrix_multiply':
    case 'route':
    case 'embed':
    case 'workflow': {
      checkAllowed(operation, context)
      return service.engine.submit(operation, options)
    }

    case 'echo':
    case 'health_check':
    case 'statistics': {
      return service.engine.submit(operation, options)
    }
  }
}

/** What the engine gets as it is, once it is known that a client may ask for it. */
type Checked = Extract<Operation, {type: 'embed' | 'initialize' | 'matrix_multiply' | 'route' | 'workflow'}>

/** @throws {NpuBridgeError} for what a client may not ask for. */
function checkAllowed(operation: Checked, {limits, service}: OperationContext): void {
  switch (operation.type) {
    case 'initialize': {
      service.requireControl('initialize devices')
      break
    }

    case 'matrix_multiply': {
      checkProduct(operation.inputs, limits.tensorElements)
      break
    }

    case 'route': {
      refusePaths(operation)
      checkTexts([operation.description ?? '', ...(operation.descriptions ?? [])])
      break
    }

    case 'embed': {
      checkTexts(operation.texts)
      break
    }

    // A workflow that comes from elsewhere is routed by the engine; none of its tasks has a handler here.
    case 'workflow': {
      refusePaths(operation)
    }
  }
}

function checkSamples({data, inputs}: SignalOperation, limit: number): void {
  const count = [data, ...Object.values(inputs ?? {})].reduce((sum, tensor) => sum + tensor.data.length, 0)
  if (count <= limit) return
  throw new Refusal(TOO_LARGE, 'RESOURCE_EXHAUSTED', `the signal has ${count} samples, the limit is ${limit}`)
}

/** Folders and files are named by whoever started the server. */
function refusePaths({agents, head}: {readonly agents?: unknown; readonly head?: string}): void {
  if (typeof agents === 'string') {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'agents names a folder, which a client may not')
  }

  if (head !== undefined) throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'head names a file, which a client may not')
}

/** Together, since their number is the client's, too. */
function checkTexts(texts: readonly string[]): void {
  const characters = texts.reduce((sum, text) => sum + text.length, 0)
  if (characters <= LONGEST_DESCRIPTION) return
  throw new NpuBridgeError('INVALID_ARGUMENT', `description has more than ${LONGEST_DESCRIPTION} characters`)
}

async function loadModel(
  {model, shapes}: Extract<Operation, {type: 'load_model'}>,
  service: InferenceService,
): Promise<OperationResult> {
  service.requireControl('load models')
  const {inputs, name, outputs} = await service.registry.load(model, shapes)
  return answerOf('load_model', {model: name, inputs, outputs}, service)
}

async function unloadModel(
  {model}: Extract<Operation, {type: 'unload_model'}>,
  service: InferenceService,
): Promise<OperationResult> {
  await service.unload(model)
  return answerOf('unload_model', {model, unloaded: true}, service)
}

async function signal(
  operation: SignalOperation,
  options: SubmitOptions,
  {client, limits, service}: OperationContext,
): Promise<OperationResult> {
  checkSamples(operation, limits.tensorElements)
  const {stream} = operation
  return service.engine.submit({...operation, ...(stream !== undefined && {stream: `${client}#${stream}`})}, options)
}

async function infer(
  operation: Extract<Operation, {type: 'inference'}>,
  options: SubmitOptions,
  {client, limits, service}: OperationContext,
): Promise<OperationResult> {
  const startedAt = performance.now()
  const model = await service.model(operation.model, '')
  try {
    checkNames(Object.keys(operation.inputs), model.inputs, 'inputs', model.name)
    const result = await service.engine.submit(meantBy(operation, model, {client, limits}), options)
    model.counters.succeeded(model.batches ? itemsOf(operation.inputs) : 1, {...result, inputUs: 0, outputUs: 0})
    return result
  } catch (error) {
    model.counters.failed((performance.now() - startedAt) * 1000)
    throw error
  }
}

function meantBy(
  operation: Extract<Operation, {type: 'inference'}>,
  {kind, reference}: {kind: string; reference: string},
  {client, limits}: Pick<OperationContext, 'client' | 'limits'>,
): Operation {
  const {inputs, stream} = operation
  if (kind === 'echo') return {type: 'echo', data: inputs.data?.data}
  if (kind === 'matrix_multiply') {
    const {a, b} = inputs
    if (!a || !b) throw new NpuBridgeError('INVALID_ARGUMENT', 'inputs.a and inputs.b are needed')
    checkProduct({a, b}, limits.tensorElements)
    return {type: 'matrix_multiply', inputs: {a, b}}
  }

  return {...operation, model: reference, ...(stream !== undefined && {stream: `${client}#${stream}`})}
}

function itemsOf(inputs: TensorMap): number {
  const [first] = Object.values(inputs)
  return first?.shape[0] ?? 1
}

async function benchmark(
  operation: Extract<Operation, {type: 'benchmark'}>,
  options: SubmitOptions,
  {service}: OperationContext,
): Promise<OperationResult> {
  service.requireControl('run benchmarks')
  const {durationMs, model: name} = operation
  if (durationMs > LONGEST_BENCHMARK_MS) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `duration_ms is ${durationMs}, at most ${LONGEST_BENCHMARK_MS} here`)
  }

  if (name === undefined) return service.engine.submit(operation, options)
  const model = await service.model(name, '')
  if (model.kind !== 'openvino') throw new NpuBridgeError('INVALID_ARGUMENT', `${name} is built in: give it as kind`)
  return service.engine.submit({...operation, model: model.reference}, options)
}

function checkProduct({a, b}: TensorMap, most: number): void {
  const elements = (a?.shape[0] ?? 0) * (b?.shape[1] ?? 0)
  if (elements <= most) return
  throw new Refusal(TOO_LARGE, 'RESOURCE_EXHAUSTED', `the product would have ${elements} elements, at most ${most}`)
}

/** What the server did itself, as a result. */
function answerOf(type: 'load_model' | 'unload_model', data: object, {engine}: InferenceService): OperationResult {
  return {type, data, device: null, engine: engine.kind, fallback: null, queueUs: 0, computeUs: 0, totalUs: 0}
}
