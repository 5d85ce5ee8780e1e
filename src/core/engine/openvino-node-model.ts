import type {Datatype, OutputTensor, Tensor, TensorData, TensorMap} from './engine.ts'
import type {StatePair} from './model-file.ts'
import type {
  PeerAddon,
  PeerCompiledModel,
  PeerElement,
  PeerInferRequest,
  PeerPort,
  PeerTensor,
} from './openvino-node-types.ts'

/** One model on one device of `openvino-node`: its ports, its pool of infer requests, tensors in and out. */
import {NpuBridgeError} from '../errors.ts'
import {datatypeOf} from './validate.ts'

const ELEMENTS: Partial<Record<Datatype, PeerElement>> = {
  FP32: 'f32',
  FP64: 'f64',
  INT8: 'i8',
  INT16: 'i16',
  INT32: 'i32',
  INT64: 'i64',
  UINT8: 'u8',
  UINT16: 'u16',
  UINT32: 'u32',
  UINT64: 'u64',
}

const ARRAYS: Partial<Record<Datatype, new (length: number) => TensorData>> = {
  FP32: Float32Array,
  FP64: Float64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
}

const DYNAMIC = -1

export interface PortInfo {
  readonly name: string
  /** Undefined where the peer does not tell: of outputs, and of types that it has no arrays for. */
  readonly datatype: Datatype | undefined
  /** -1 where the size is free. */
  readonly shape: readonly number[]
}

export interface Inferred {
  readonly outputs: Readonly<Record<string, OutputTensor>>
  readonly computeUs: number
}

export class OpenVinoNodeModel {
  readonly inputs: readonly PortInfo[]
  readonly outputs: readonly PortInfo[]
  /** Outputs that become inputs of the next inference of a stream. */
  readonly state: readonly StatePair[]
  readonly #addon: PeerAddon
  readonly #name: string
  readonly #compiled: PeerCompiledModel
  readonly #idle: PeerInferRequest[] = []

  /**
   * @param addon the peer
   * @param name what messages call the model
   * @param compiled the model for a device
   * @param state what the catalogue says of recurrent state; found by name and shape when it says nothing
   */
  constructor(addon: PeerAddon, name: string, compiled: PeerCompiledModel, state: readonly StatePair[] | undefined) {
    this.#addon = addon
    this.#name = name
    this.#compiled = compiled
    const request = compiled.createInferRequest()
    this.#idle.push(request)
    this.inputs = compiled.inputs.map((port, index) => infoOf(port, datatypeAt(request, index)))
    this.outputs = compiled.outputs.map((port) => infoOf(port, undefined))
    this.state = state ?? pairsByName(this.inputs, this.outputs)
  }

  /** Zeros for every input, one element where a size is free; for the named inputs only, when there are names. */
  zeros(names?: readonly string[]): TensorMap {
    const ports = this.inputs.filter(({name}) => names?.includes(name) ?? true)
    return Object.fromEntries(ports.map((port) => [port.name, zerosFor(port)]))
  }

  /** The state before the first inference of a stream. */
  initialState(): TensorMap {
    return this.zeros(this.state.map(({input}) => input))
  }

  /**
   * Runs one inference on an idle request, or on a new one.
   *
   * @param inputs a tensor for each input
   * @param isGiven whether large input buffers may be used in place; they are detached then
   * @throws {NpuBridgeError} INVALID_ARGUMENT, SHAPE_MISMATCH, DTYPE_MISMATCH, INTERNAL
   */
  async infer(inputs: TensorMap, isGiven: boolean): Promise<Inferred> {
    this.#checkNames(inputs)
    const tensors = this.inputs.map((port) => this.#toPeer(port, inputs[port.name]!, isGiven))
    const request = this.#idle.pop() ?? this.#compiled.createInferRequest()
    const startedAt = performance.now()
    try {
      const outputs = await request.inferAsync(tensors)
      const computeUs = (performance.now() - startedAt) * 1000
      this.#idle.push(request)
      return {computeUs, outputs: Object.fromEntries(Object.entries(outputs).map(([name, each]) => [name, read(each)]))}
    } catch (error) {
      // A request that failed is not used again.
      throw this.#failure(error)
    }
  }

  #checkNames(inputs: TensorMap): void {
    const names = this.inputs.map(({name}) => name)
    const unknown = Object.keys(inputs).find((name) => !names.includes(name))
    const missing = names.find((name) => !Object.hasOwn(inputs, name))
    if (unknown === undefined && missing === undefined) return
    const what = unknown === undefined ? `inputs.${missing!} is missing` : `there is no input ${unknown}`
    throw new NpuBridgeError('INVALID_ARGUMENT', `${what}: the model ${this.#name} takes ${names.join(', ')}`)
  }

  #toPeer(port: PortInfo, tensor: Tensor, isGiven: boolean): PeerTensor {
    const place = `inputs.${port.name}`
    const fits =
      tensor.shape.length === port.shape.length &&
      port.shape.every((size, axis) => size === DYNAMIC || size === tensor.shape[axis])
    if (!fits) {
      const expected = port.shape.map((size) => (size === DYNAMIC ? '?' : size)).join(',')
      throw new NpuBridgeError(
        'SHAPE_MISMATCH',
        `${place}.shape is [${tensor.shape.join(',')}], the model ${this.#name} takes [${expected}]`,
      )
    }

    const datatype = datatypeOf(tensor)
    if (port.datatype && port.datatype !== datatype) {
      const takes = `the model ${this.#name} takes ${port.datatype}`
      throw new NpuBridgeError('DTYPE_MISMATCH', `${place} is ${datatype}, ${takes}`)
    }

    const element = ELEMENTS[datatype]
    if (!element) {
      throw new NpuBridgeError('DTYPE_MISMATCH', `${place} is ${datatype}, for which openvino-node has no tensors`, {
        suggestions: ['Run it on the native engine: --engine native'],
      })
    }

    if (tensor.data.buffer instanceof ArrayBuffer && tensor.data.buffer.detached) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `the buffer of ${place} was given away before`)
    }

    return new this.#addon.Tensor(element, [...tensor.shape], owned(tensor.data, isGiven))
  }

  #failure(error: unknown): NpuBridgeError {
    const message = error instanceof Error ? error.message : String(error)
    const code = /element type|precision/i.test(message)
      ? 'DTYPE_MISMATCH'
      : /shape/i.test(message)
        ? 'SHAPE_MISMATCH'
        : 'INTERNAL'
    return new NpuBridgeError(code, `the inference of ${this.#name} failed: ${firstLine(message)}`, {cause: error})
  }
}

/**
 * Numbers that nobody else can change while the device reads them, from the start of their buffer: given ones are
 * detached from their giver, all others are copied.
 */
function owned(data: TensorData, isGiven: boolean): TensorData {
  const {buffer} = data
  const Numbers = data.constructor as new (from: ArrayBuffer | TensorData) => TensorData
  const isWhole = data.byteOffset === 0 && data.byteLength === buffer.byteLength
  if (!isGiven || !isWhole || !(buffer instanceof ArrayBuffer) || buffer.resizable) return new Numbers(data)
  return new Numbers(buffer.transfer())
}

function read(tensor: PeerTensor): OutputTensor {
  const data = tensor.getData()
  return {data, shape: tensor.getShape(), datatype: datatypeOf({data, shape: []})}
}

function zerosFor({datatype, shape}: PortInfo): Tensor {
  const sizes = shape.map((size) => (size === DYNAMIC ? 1 : size))
  const Numbers = ARRAYS[datatype ?? 'FP32'] ?? Float32Array
  return {data: new Numbers(sizes.reduce((product, size) => product * size, 1)), shape: sizes}
}

function datatypeAt(request: PeerInferRequest, index: number): Datatype | undefined {
  try {
    return datatypeOf({data: request.getInputTensor(index).getData(), shape: []})
  } catch {
    // A type without an array for it: the peer will say so when a tensor is given.
    return undefined
  }
}

function infoOf(port: PeerPort, datatype: Datatype | undefined): PortInfo {
  const sizes = port.getPartialShape().getDimensions()
  return {name: port.anyName, datatype, shape: sizes.map((size) => (typeof size === 'number' ? size : DYNAMIC))}
}

/** An output `xN` beside an input `x` of the same shape is its next value. */
function pairsByName(inputs: readonly PortInfo[], outputs: readonly PortInfo[]): StatePair[] {
  return inputs.flatMap(({name, shape}) => {
    const next = outputs.find((output) => output.name === `${name}N`)
    return next && String(next.shape) === String(shape) ? [{input: name, output: next.name}] : []
  })
}

/** OpenVINO's messages are long; the rest stays in the cause. */
export function firstLine(message: string): string {
  return message.trim().split('\n', 1)[0]!
}
