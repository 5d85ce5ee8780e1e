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
import type {FileReference} from './file-layout.ts'
import type {LoadedTensor, TensorFiles} from './tensor-files.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {type Envelope, type EnvelopeOf, idOf, type OperationId, parseEnvelope} from './envelope.ts'
import {fieldError, fieldPath, showValue} from './fields.ts'
import {isUnsafeInteger, parseJson, parseJsonExactly} from './json.ts'
import {nameSuggestions} from './nearest.ts'
import {checkDatatype, checkShape, decodeInlineTensor, NeedsExactIntegers, type NonFinitePolicy} from './tensor.ts'

/** What a line does not say is taken from here. */
export interface RequestDefaults {
  readonly model?: string | undefined
  readonly priority?: Priority | undefined
  /** In milliseconds. */
  readonly timeoutMs?: number | undefined
}

export interface RequestOptions {
  readonly defaults?: RequestDefaults
  readonly nonFinite?: NonFinitePolicy
  /** The folder that paths in a line are relative to. */
  readonly folder: string
  /** Reads the files that lines name; without it, lines may not name any. */
  readonly files?: TensorFiles
  /** Whether lines may ask for frames: who submits what comes of them has to know. */
  readonly framed?: boolean
  /** Turns the words of another vocabulary into those of a line, before it is read. */
  readonly translate?: (value: unknown) => unknown
  /** Reads a tensor whose bytes are elsewhere; undefined for one that the line carries itself. */
  readonly binary?: (tensor: object, place: string) => Tensor | undefined
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
      return withInputs(envelope.inputs, options, ['a', 'b'], (inputs, transfer) => {
        const {a, b} = inputs as {a: Tensor; b: Tensor}
        return {type: 'matrix_multiply', inputs: {a, b}, ...(transfer && {transfer})}
      })
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
      const {max_parallel: maxParallel, tasks, type} = envelope
      // Zod's optional fields may be undefined, which JSON cannot hold: the engine sees them as absent.
      return {
        type,
        tasks: tasks as WorkflowTask[],
        ...(maxParallel !== undefined && {maxParallel}),
        ...agentsOf(envelope.agents, options),
      }
    }

    case 'initialize':
    case 'health_check':
    case 'statistics': {
      return {type: envelope.type}
    }
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

/** Buffers up to this size are copied by the engine in any case, so giving them away would only cost. */
const TRANSFER_FROM_BYTES = 64 * 1024

type Inputs = Record<string, Tensor>

/**
 * Reads the tensors of `inputs` and hands them to `make`, at once where no file has to be waited for. `transfer` is
 * true where they are large and all our own. `names` are those that must be there, and no others; any are welcome when
 * it is undefined.
 */
function withInputs(
  value: unknown,
  options: BuildOptions,
  names: readonly string[] | undefined,
  make: (inputs: Inputs, transfer: boolean) => Operation,
  /** Where a tensor stands in the line, for messages. */
  placeOf = (name: string) => fieldPath(['inputs', name]),
): Operation | Promise<Operation> {
  if (value === undefined) throw fieldError('inputs', 'is missing')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError('inputs', `is ${showValue(value)}, it must be an object of tensors by input name`)
  }

  if (names) checkNames(value, names)
  const loaded = Object.entries(value).map(([name, tensor]): LoadedTensor | Promise<LoadedTensor> =>
    readTensor(placeOf(name), name, tensor, options),
  )
  const finish = (tensors: readonly LoadedTensor[]) => {
    const inputs: Inputs = {}
    for (const [index, name] of Object.keys(value).entries()) inputs[name] = tensors[index]!.tensor
    const large = tensors.some(({tensor}) => tensor.data.byteLength > TRANSFER_FROM_BYTES)
    return make(inputs, large && tensors.every(({owned}) => owned))
  }

  return isReady(loaded) ? finish(loaded) : Promise.all(loaded.map(async (tensor) => tensor)).then(finish)
}

function isReady(tensors: ReadonlyArray<LoadedTensor | Promise<LoadedTensor>>): tensors is readonly LoadedTensor[] {
  return tensors.every((tensor) => !(tensor instanceof Promise))
}

function checkNames(inputs: object, names: readonly string[]): void {
  for (const name of names)
    if (!Object.hasOwn(inputs, name)) throw fieldError(fieldPath(['inputs', name]), 'is missing')
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) {
      throw fieldError(fieldPath(['inputs', name]), 'is not an input of this operation', {
        suggestions: nameSuggestions(name, names, 'inputs'),
      })
    }
  }
}

const INLINE_FIELDS = ['data', 'shape', 'datatype']
const FILE_FIELDS = ['file', 'shape', 'datatype', 'offset', 'pad']

function readTensor(
  place: string,
  name: string,
  value: unknown,
  options: BuildOptions,
): LoadedTensor | Promise<LoadedTensor> {
  // Assigning this name to an object would set its prototype.
  if (name === '__proto__') throw fieldError(place, 'is not a name that an input can have')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError(place, `is ${showValue(value)}, it must be an object`, {
      suggestions: ['{"data": [0.5, 1], "shape": [1, 2], "datatype": "FP32"}', '{"file": "x.npy"}'],
    })
  }

  const binary = options.binary?.(value, place)
  if (binary) return {owned: false, tensor: binary}
  const fromFile = 'file' in value
  checkFields(value, fromFile ? FILE_FIELDS : INLINE_FIELDS, name)
  if (fromFile) return readFile(value, place, options)
  const {exact, nonFinite = 'error'} = options
  return {owned: true, tensor: decodeInlineTensor(value, place, {exact, nonFinite})}
}

function checkFields(value: object, known: readonly string[], name: string): void {
  for (const key in value) {
    if (!known.includes(key)) {
      throw fieldError(fieldPath(['inputs', name, key]), 'is not a field of a tensor', {
        suggestions: nameSuggestions(key, known, 'fields'),
      })
    }
  }
}

function readFile(value: object, place: string, {files}: RequestOptions): LoadedTensor | Promise<LoadedTensor> {
  if (!files) throw fieldError(`${place}.file`, 'names a file, which is not accepted here')
  const tensor = files.read(fileReference(value, place), place)
  // Where a later input of the line is wrong, nobody waits for this one any more.
  if (tensor instanceof Promise) tensor.catch(() => undefined)
  return tensor
}

function fileReference(value: object, place: string): FileReference {
  const {datatype, file, offset, pad, shape} = value as Record<string, unknown>
  if (typeof file !== 'string' || file === '')
    throw fieldError(`${place}.file`, `is ${showValue(file)}, it must be a path`)
  if (offset !== undefined && !Number.isSafeInteger(offset)) {
    throw fieldError(`${place}.offset`, `is ${showValue(offset)}, it must be a whole number of elements`)
  }

  if (pad !== undefined && typeof pad !== 'boolean') {
    throw fieldError(`${place}.pad`, `is ${showValue(pad)}, it must be true or false`)
  }

  return {
    file,
    ...(shape !== undefined && {shape: checkShape(shape, `${place}.shape`)}),
    ...(datatype !== undefined && {datatype: checkDatatype(datatype, `${place}.datatype`)}),
    ...(offset !== undefined && {offset: offset as number}),
    ...(pad !== undefined && {pad}),
  }
}
