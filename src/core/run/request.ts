/** From the bytes of one line to an operation that can be submitted. */
import {type Buffer, isUtf8} from 'node:buffer'
import path from 'node:path'

import type {
  AgentProfile,
  Operation,
  Priority,
  RouteOperation,
  SignalOperation,
  SubmitOptions,
  Tensor,
  WorkflowTask,
} from '../engine/engine.ts'
import type {Framing} from '../framing/framing.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {type Envelope, type EnvelopeOf, idOf, type OperationId, parseEnvelope} from './envelope.ts'
import {fieldError, fieldPath} from './fields.ts'
import {type Inputs, type TensorSources, withInputs} from './inputs.ts'
import {isUnsafeInteger, parseJson, parseJsonExactly} from './json.ts'
import {NeedsExactIntegers} from './tensor.ts'

/** What a line does not say is taken from here. */
export interface RequestDefaults {
  readonly model?: string | undefined
  readonly priority?: Priority | undefined
  /** In milliseconds. */
  readonly timeoutMs?: number | undefined
}

export interface RequestOptions extends TensorSources {
  readonly defaults?: RequestDefaults
  /** The folder that paths in a line are relative to. */
  readonly folder: string
  /** Whether lines may ask for frames: who submits what comes of them has to know. */
  readonly framed?: boolean
  /** Turns the words of another vocabulary into those of a line, before it is read. */
  readonly translate?: (value: unknown) => unknown
}

export interface Request {
  /** As the line gives it; the line's number where it gives none. */
  readonly id: OperationId
  readonly operation: Operation
  /** The operation is an inference, and its input is to be cut into frames. */
  readonly frames?: Framing
  readonly options: SubmitOptions
  /** The outputs to return; all when undefined. */
  readonly outputs: readonly string[] | undefined
}

/** A line that cannot be run. */
export interface Rejection {
  readonly id: OperationId
  readonly error: NpuBridgeError
}

export type Reading = Rejection | Request

/**
 * Makes a request of a line. At once, unless the line names a file that has to be read first. Never throws: what is
 * wrong with the line is a {@link Rejection}.
 */
export function readRequest(bytes: Buffer, lineNumber: number, options: RequestOptions): Reading | Promise<Reading> {
  return read(bytes, lineNumber, {...options, exact: false})
}

interface BuildOptions extends RequestOptions {
  /** Integers beyond 2^53 are to be read as bigints, at the price of a slow pass. */
  readonly exact: boolean
}

function read(bytes: Buffer, lineNumber: number, options: BuildOptions): Reading | Promise<Reading> {
  let id: OperationId = lineNumber
  const reject = (error: unknown): Rejection => ({error: asInputError(error), id})
  try {
    const text = decodeText(bytes)
    const parsed = options.exact ? parseJsonExactly(text) : parseJson(text)
    const value = options.translate ? options.translate(parsed) : parsed
    if (!options.exact && needsExactIntegers(value, text)) throw new NeedsExactIntegers()
    id = idOf(value) ?? lineNumber
    return build(value, id, options, reject)
  } catch (error) {
    if (error instanceof NeedsExactIntegers) return read(bytes, lineNumber, {...options, exact: true})
    return reject(error)
  }
}

/** A size that no array can have is the line's fault, not ours. */
function asInputError(error: unknown): NpuBridgeError {
  if (!(error instanceof RangeError)) return asNpuBridgeError(error)
  return new NpuBridgeError('RESOURCE_EXHAUSTED', `a tensor of this line does not fit into memory: ${error.message}`, {
    cause: error,
  })
}

/** @throws {NpuBridgeError} PROTOCOL_ERROR naming the first byte that is not UTF-8. */
function decodeText(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  const offset = firstInvalidByte(bytes)
  const byte = `0x${bytes[offset]!.toString(16).padStart(2, '0')}`
  throw new NpuBridgeError('PROTOCOL_ERROR', `not UTF-8 at byte ${offset + 1} of the line (${byte})`, {
    suggestions: ['JSON Lines are UTF-8; convert the file: iconv -f ENCODING -t UTF-8 FILE'],
  })
}

/** By halving: a prefix is valid, a started character at its end aside, exactly until it holds the wrong byte. */
function firstInvalidByte(bytes: Buffer): number {
  let valid = 0
  let invalid = bytes.length
  while (valid < invalid) {
    const middle = Math.floor((valid + invalid) / 2)
    if (isValidPrefix(bytes.subarray(0, middle + 1))) valid = middle + 1
    else invalid = middle
  }

  // What is wrong is the character that was started, not the byte that should have continued it.
  while (!isUtf8(bytes.subarray(0, valid))) valid--
  return valid
}

function isValidPrefix(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', {fatal: true}).decode(bytes, {stream: true})
    return true
  } catch {
    return false
  }
}

/** Ids and echoed data may hold large integers too; tensors find out for themselves, in their own loops. */
function needsExactIntegers(value: unknown, text: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  const {id, type} = value as {id?: unknown; type?: unknown}
  return isUnsafeInteger(id) || (type === 'echo' && /\d{16}/.test(text))
}

function build(
  value: unknown,
  id: OperationId,
  options: BuildOptions,
  reject: (error: unknown) => Rejection,
): Promise<Reading> | Request {
  const envelope = parseEnvelope(value)
  const request = (operation: Operation): Request => ({
    id,
    operation,
    ...framesOf(envelope, options),
    options: submitOptions(envelope, options.defaults),
    outputs: 'outputs' in envelope ? envelope.outputs : undefined,
  })
  const operation = toOperation(envelope, options)
  return operation instanceof Promise ? operation.then(request).catch(reject) : request(operation)
}

function framesOf(envelope: Envelope, {framed}: BuildOptions): Pick<Request, 'frames'> {
  if (envelope.type !== 'inference' || envelope.frames === undefined) return {}
  if (framed) return {frames: envelope.frames}
  throw fieldError('frames', 'is not accepted here', {suggestions: ['`npubridge run` cuts recordings into frames']})
}

function submitOptions(envelope: Envelope, defaults: RequestDefaults = {}): SubmitOptions {
  const priority = envelope.priority ?? defaults.priority
  const timeoutMs = envelope.timeout_ms ?? defaults.timeoutMs
  return {...(priority !== undefined && {priority}), ...(timeoutMs !== undefined && {timeoutMs})}
}

function toOperation(envelope: Envelope, options: BuildOptions): Operation | Promise<Operation> {
  switch (envelope.type) {
    case 'load_model': {
      const {shapes, type} = envelope
      return {type, model: modelOf(envelope, options), ...(shapes && {shapes})}
    }

    case 'unload_model': {
      return {type: envelope.type, model: modelOf(envelope, options)}
    }

    case 'inference': {
      return inference(envelope, options)
    }

    case 'matrix_multiply': {
      return product(envelope, options)
    }

    case 'echo': {
      return {type: envelope.type, ...('data' in envelope && {data: envelope.data})}
    }

    case 'benchmark': {
      return benchmark(envelope, options)
    }

    case 'route': {
      return route(envelope, options)
    }

    case 'embed': {
      const {model, texts, type} = envelope
      return {type, texts, ...(model !== undefined && {model})}
    }

    case 'signal': {
      return signal(envelope, options)
    }

    case 'workflow': {
      return workflow(envelope, options)
    }

    case 'initialize':
    case 'health_check':
    case 'statistics': {
      return {type: envelope.type}
    }
  }
}

function product(
  {inputs: given}: EnvelopeOf<'matrix_multiply'>,
  options: BuildOptions,
): Operation | Promise<Operation> {
  return withInputs(given, options, ['a', 'b'], (inputs, transfer) => {
    const {a, b} = inputs as {a: Tensor; b: Tensor}
    return {type: 'matrix_multiply', inputs: {a, b}, ...(transfer && {transfer})}
  })
}

function workflow(envelope: EnvelopeOf<'workflow'>, options: BuildOptions): Operation {
  const {max_parallel: maxParallel, tasks, type} = envelope
  // Zod's optional fields may be undefined, which JSON cannot hold: the engine sees them as absent.
  return {
    type,
    tasks: tasks as WorkflowTask[],
    ...(maxParallel !== undefined && {maxParallel}),
    ...agentsOf(envelope.agents, options),
  }
}

function route(envelope: EnvelopeOf<'route'>, options: BuildOptions): Operation {
  const {agents, head, top_k: topK, id: _id, priority: _priority, timeout_ms: _timeout, ...others} = envelope
  const operation = {
    ...others,
    ...agentsOf(agents, options),
    ...(head !== undefined && {head: path.resolve(options.folder, head)}),
    ...(topK !== undefined && {topK}),
  }
  return operation as RouteOperation
}

/** A folder is relative to that of the lines. */
function agentsOf(agents: EnvelopeOf<'route'>['agents'], {folder}: BuildOptions): Pick<RouteOperation, 'agents'> {
  if (agents === undefined) return {}
  return {agents: typeof agents === 'string' ? path.resolve(folder, agents) : (agents as AgentProfile[])}
}

function inference(envelope: EnvelopeOf<'inference'>, options: BuildOptions): Operation | Promise<Operation> {
  const {end_of_stream: endOfStream, stream} = envelope
  if (endOfStream && stream === undefined) throw fieldError('end_of_stream', 'is set, but "stream" is missing')
  const model = modelOf(envelope, options)
  return withInputs(envelope.inputs, options, undefined, (inputs, transfer) => ({
    type: 'inference',
    model,
    inputs,
    ...(stream !== undefined && {stream}),
    ...(endOfStream !== undefined && {endOfStream}),
    ...(transfer && {transfer}),
  }))
}

function signal(envelope: EnvelopeOf<'signal'>, options: BuildOptions): Operation | Promise<Operation> {
  const {data, end_of_stream: endOfStream, inputs, ...others} = envelope
  if (data === undefined) throw fieldError('data', 'is missing')
  if (endOfStream && others.stream === undefined) throw fieldError('end_of_stream', 'is set, but "stream" is missing')
  const {
    id: _id,
    outputs: _outputs,
    priority: _priority,
    time_limit_ms: timeLimitMs,
    timeout_ms: _timeout,
    ...asked
  } = others
  const make = ({data: samples, ...further}: Inputs, transfer: boolean): Operation => ({
    ...(asked as Omit<SignalOperation, 'data'>),
    data: samples!,
    ...(inputs && {inputs: further}),
    ...(endOfStream !== undefined && {endOfStream}),
    ...(timeLimitMs !== undefined && {timeLimitMs}),
    ...(transfer && {transfer}),
  })
  const placeOf = (name: string) => (name === 'data' ? name : fieldPath(['inputs', name]))
  return withInputs({...inputs, data}, options, undefined, make, placeOf)
}

function benchmark(envelope: EnvelopeOf<'benchmark'>, options: BuildOptions): Operation {
  const {duration_ms: durationMs, kind, type} = envelope
  if (kind === 'inference') return {type, kind, durationMs, model: modelOf(envelope, options)}
  if (envelope.model !== undefined) throw fieldError('model', `is given, but a benchmark of ${kind} has none`)
  return {type, kind, durationMs}
}

/** The model of a line, else the one of `--model`. A path in a line is relative to the line's file, as all paths are. */
function modelOf(envelope: {readonly model?: string | undefined}, {defaults, folder}: RequestOptions): string {
  const {model} = envelope
  if (model !== undefined) return isModelPath(model) ? path.resolve(folder, model) : model
  if (defaults?.model !== undefined) return defaults.model
  throw fieldError('model', 'is missing', {suggestions: ['give it in the line, or --model for all lines']})
}

function isModelPath(model: string): boolean {
  return model.includes('/') || model.includes(path.sep) || /\.(?:onnx|xml)$/i.test(model)
}
