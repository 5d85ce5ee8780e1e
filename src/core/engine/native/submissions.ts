import {NpuBridgeError} from '../../errors.ts'
import {
  type InferenceOperation,
  type Operation,
  PRIORITIES,
  type SignalOperation,
  type SubmitOptions,
  type Tensor,
} from '../engine.ts'
import {exactText} from './exact-json.ts'
import {bytesOf, datatypeIndex} from './tensors.ts'

/** Kinds as the engine numbers them; what is missing here is described in JSON. */
const KINDS: Partial<Record<Operation['type'], number>> = {
  initialize: 0,
  inference: 3,
  matrix_multiply: 4,
  echo: 5,
  health_check: 6,
  statistics: 7,
  signal: 12,
}
const DESCRIBED = 255
const STREAM = 1
const LAST = 2
/** Words before what depends on the kind. */
const HEAD = 6
const TENSOR_HEAD = 6
const NO_TIMEOUT = -1

/** Up to this many bytes an input is copied beside the records; larger ones are handed over one by one. */
const INLINE = 64 * 1024
/** When this much has been written it is worth submitting: 32-bit words, and bytes. */
const WORDS = 1 << 14
const BYTES = 1 << 20

const PRIORITY_INDEX = new Map<string, number>(PRIORITIES.map((priority, index) => [priority, index]))

/** The words and bytes of operations that have been written and not yet submitted. The format is that of records.rs. */
export class Submissions {
  words = new Int32Array(WORDS * 2)
  bytes = Buffer.allocUnsafeSlow(BYTES * 2)
  large: Uint8Array[] = []
  /** Words of them. */
  length = 0
  /** How many they are. */
  count = 0
  #used = 0
  readonly #names = new Map<string, number>()
  readonly #intern: (name: string) => number

  constructor(intern: (name: string) => number) {
    this.#intern = intern
  }

  /** Whether enough has been written to be submitted before more is. */
  get isFull(): boolean {
    return this.length >= WORDS || this.#used >= BYTES || this.large.length > 0
  }

  /** Forgets what has been written; the buffers are used again. */
  clear(): void {
    this.length = 0
    this.count = 0
    this.#used = 0
    if (this.large.length > 0) this.large = []
  }

  /**
   * Writes one operation and gives where its record begins. A wrong operation leaves nothing behind.
   * @throws NpuBridgeError naming the field and the value.
   */
  write(operation: Operation, options: SubmitOptions | undefined, token: number): number {
    const [start, used, large] = [this.length, this.#used, this.large.length]
    try {
      this.#head(operation, options, token)
      this.#body(operation)
      this.count++
      return start
    } catch (error) {
      this.length = start
      this.#used = used
      this.large.length = large
      throw error
    }
  }

  #head(operation: Operation, options: SubmitOptions | undefined, token: number): void {
    this.#reserveWords(HEAD)
    const kind = KINDS[operation.type] ?? DESCRIBED
    const priority = options?.priority === undefined ? 1 : priorityIndex(options.priority)
    let flags = 0
    if ((operation.type === 'inference' || operation.type === 'signal') && operation.stream !== undefined) {
      flags = operation.endOfStream ? STREAM | LAST : STREAM
    }

    const {words} = this
    const at = this.length
    words[at] = kind | (priority << 8) | (flags << 16)
    words[at + 1] = token
    const timeout = options?.timeoutMs
    if (timeout === undefined) {
      words[at + 2] = NO_TIMEOUT
      words[at + 3] = NO_TIMEOUT
    } else {
      const micros = timeoutMicros(timeout)
      words[at + 2] = micros
      words[at + 3] = Math.floor(micros / 2 ** 32)
    }

    words[at + 4] = 0
    words[at + 5] = 0
    this.length = at + HEAD
  }

  #body(operation: Operation): void {
    switch (operation.type) {
      case 'echo': {
        this.#echo(operation.data)
        break
      }

      case 'inference': {
        this.#inference(operation)
        break
      }

      case 'matrix_multiply': {
        this.words[this.length - 1] = 2
        this.#tensor('a', operation.inputs.a, operation.transfer)
        this.#tensor('b', operation.inputs.b, operation.transfer)
        break
      }

      case 'signal': {
        this.#signal(operation)
        break
      }

      case 'health_check':
      case 'initialize':
      case 'statistics': {
        break
      }

      default: {
        this.#described(operation)
      }
    }
  }

  #echo(data: unknown): void {
    if (data === undefined) return
    if (ArrayBuffer.isView(data) && !(data instanceof DataView)) {
      const array = data as Float32Array
      this.words[this.length - 2] = 2
      this.#tensor('data', {data: array, shape: [array.length]}, false)
      return
    }

    const at = this.length - 2
    const [offset, length] = this.#text(exactText(data))
    this.#reserveWords(1)
    this.words[at] = 1
    this.words[at + 1] = length
    this.words[this.length++] = offset
  }

  #inference(operation: InferenceOperation): void {
    const at = this.length - 2
    this.words[at] = this.#name(operation.model, 'model')
    let count = 0
    for (const name in operation.inputs) {
      this.#tensor(name, operation.inputs[name]!, operation.transfer)
      count++
    }

    this.words[at + 1] = count
    this.#stream(operation)
  }

  #signal(signal: SignalOperation): void {
    // No rest of the operation and no lists of its entries: they take as long as the samples' way to the engine.
    const {backend, complex, data, device, inputs, operation, parameters, steps, timeLimitMs, transfer} = signal
    const at = this.length - 2
    const description = {operation, parameters, steps, complex, backend, device, time_limit_ms: timeLimitMs}
    const [offset, length] = this.#text(JSON.stringify(description))
    this.words[at] = offset
    this.words[at + 1] = length
    this.#reserveWords(1)
    const tensors = this.length++
    this.#tensor('data', data, transfer)
    let count = 1
    for (const name in inputs) {
      this.#tensor(name, inputs[name]!, transfer)
      count++
    }

    this.words[tensors] = count
    this.#stream(signal)
  }

  #stream(operation: {readonly stream?: string}): void {
    if (operation.stream === undefined) return
    if (typeof operation.stream !== 'string' || operation.stream === '') {
      throw new NpuBridgeError('INVALID_ARGUMENT', `stream is ${JSON.stringify(operation.stream)}, it takes a name`)
    }

    const [offset, length] = this.#text(operation.stream)
    this.#reserveWords(2)
    this.words[this.length++] = offset
    this.words[this.length++] = length
  }

  #described(operation: Operation): void {
    const at = this.length - 2
    const [offset, length] = this.#text(JSON.stringify(describe(operation)))
    this.words[at] = offset
    this.words[at + 1] = length
  }

  #tensor(name: string, tensor: Tensor, transfer: boolean | undefined): void {
    const {shape} = tensor
    if (!Array.isArray(shape) || shape.length > 64) {
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `inputs.${name}.shape is ${JSON.stringify(shape)}, it takes an array of sizes`,
      )
    }

    const datatype = datatypeIndex(name, tensor)
    const id = this.#name(name, 'an input')
    this.#reserveWords(TENSOR_HEAD + shape.length)
    const {words} = this
    let at = this.length
    words[at] = id
    words[at + 1] = datatype
    words[at + 2] = shape.length
    const {byteLength} = tensor.data
    if (byteLength <= INLINE && !transfer) {
      words[at + 3] = -1
      words[at + 4] = this.#copy(bytesOf(tensor.data))
      words[at + 5] = byteLength
    } else {
      words[at + 3] = this.large.length
      words[at + 4] = 0
      words[at + 5] = this.#hand(tensor, transfer)
    }

    at += TENSOR_HEAD
    for (const size of shape as readonly number[]) {
      if (!Number.isInteger(size) || size < 0 || size > 0x7f_ff_ff_ff) {
        throw new NpuBridgeError(
          'INVALID_ARGUMENT',
          `inputs.${name}.shape is ${JSON.stringify(shape)}, sizes are whole numbers from 0`,
        )
      }

      words[at++] = size
    }

    this.length = at
  }

  /**
   * Hands an array over as it is, and gives -1 when it now belongs to the engine. Taking ownership detaches the
   * caller's buffer, so that nobody can resize, transfer or write to it while a device reads it.
   */
  #hand(tensor: Tensor, transfer: boolean | undefined): number {
    const {buffer, byteOffset, byteLength} = tensor.data
    if (transfer && buffer instanceof ArrayBuffer) {
      this.large.push(new Uint8Array(buffer.transferToFixedLength(), byteOffset, byteLength))
      return -1
    }

    this.large.push(bytesOf(tensor.data))
    return 0
  }

  #copy(source: Uint8Array): number {
    // Elements of up to 8 bytes stay aligned.
    const offset = (this.#used + 7) & ~7
    this.#reserveBytes(offset + source.length)
    this.bytes.set(source, offset)
    this.#used = offset + source.length
    return offset
  }

  #text(text: string): [offset: number, length: number] {
    this.#reserveBytes(this.#used + text.length * 3)
    const offset = this.#used
    const written = this.bytes.write(text, offset)
    this.#used += written
    return [offset, written]
  }

  #name(name: string, what: string): number {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    if (typeof name !== 'string' || name === '') {
      throw new NpuBridgeError('INVALID_ARGUMENT', `${what} is ${JSON.stringify(name)}, it takes a name`)
    }

    const id = this.#intern(name)
    this.#names.set(name, id)
    return id
  }

  #reserveWords(count: number): void {
    if (this.length + count <= this.words.length) return
    const grown = new Int32Array(Math.max(this.words.length * 2, this.length + count))
    grown.set(this.words)
    this.words = grown
  }

  #reserveBytes(end: number): void {
    if (end <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, end))
    grown.set(this.bytes)
    this.bytes = grown
  }
}

function priorityIndex(priority: string): number {
  const index = PRIORITY_INDEX.get(priority)
  if (index !== undefined) return index
  throw new NpuBridgeError('INVALID_ARGUMENT', `priority is ${JSON.stringify(priority)}`, {
    suggestions: [`one of ${PRIORITIES.join(', ')}`],
  })
}

/** The longest timeout, in milliseconds: 285 years, beyond which microseconds are no exact numbers any more. */
const LONGEST_TIMEOUT = Number.MAX_SAFE_INTEGER / 1000

/** A timeout in whole microseconds. */
export function timeoutMicros(timeoutMs: number): number {
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `timeoutMs is ${String(timeoutMs)}, it takes milliseconds from 0`)
  }

  return Math.floor(Math.min(timeoutMs, LONGEST_TIMEOUT) * 1000)
}

/** What the engine reads of operations that are described in JSON. */
function describe(operation: Operation): object {
  switch (operation.type) {
    case 'benchmark': {
      return {type: operation.type, kind: operation.kind, durationMs: operation.durationMs, model: operation.model}
    }

    case 'load_model': {
      return {type: operation.type, model: operation.model, shapes: Object.entries(operation.shapes ?? {})}
    }

    case 'unload_model': {
      return {type: operation.type, model: operation.model}
    }

    case 'route': {
      const {topK: top, ...route} = operation
      return {...route, top}
    }

    case 'workflow': {
      const {agents, maxParallel, tasks, type} = operation
      return {type, tasks, maxParallel, agents}
    }

    case 'embed': {
      return {type: operation.type, texts: operation.texts, model: operation.model}
    }

    default: {
      throw new NpuBridgeError(
        'UNSUPPORTED_OPERATION',
        `type is ${JSON.stringify((operation as {type?: unknown}).type)}`,
        {
          suggestions: [`one of ${KNOWN_TYPES.join(', ')}`],
        },
      )
    }
  }
}

const KNOWN_TYPES = [
  ...Object.keys(KINDS),
  'benchmark',
  'embed',
  'load_model',
  'route',
  'unload_model',
  'workflow',
].toSorted()
