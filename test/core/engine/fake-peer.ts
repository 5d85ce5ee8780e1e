/**
 * Stands in for the package openvino-node in tests of the adapter: same calls, numbers computed here, and the habits of
 * the real one that matter (inputs by position, memory shared with the arrays given, outputs that are copies).
 */
import {Buffer} from 'node:buffer'

import type {TensorData} from '../../../src/core/engine/engine.ts'
import type {Peer} from '../../../src/core/engine/openvino-node-peer.ts'
import type {
  PeerAddon,
  PeerCompiledModel,
  PeerCore,
  PeerElement,
  PeerModel,
  PeerPort,
  PeerTensor,
} from '../../../src/core/engine/openvino-node-types.ts'

type Numbers = new (length: number) => TensorData

export interface FakePort {
  readonly name: string
  /** -1 where the size is free. */
  readonly shape: readonly number[]
  readonly array?: Numbers
}

export interface FakeModel {
  readonly inputs: readonly FakePort[]
  readonly outputs: readonly FakePort[]
  run(inputs: Record<string, PeerTensor>): Promise<Record<string, PeerTensor>> | Record<string, PeerTensor>
}

export interface FakePeerOptions {
  readonly devices?: readonly string[]
  /** By path. */
  readonly models?: Readonly<Record<string, FakeModel>>
  /** Devices that refuse to compile, with what they say. */
  readonly refuses?: Readonly<Record<string, string>>
}

export class FakeTensor implements PeerTensor {
  readonly memory: TensorData
  readonly #shape: number[]

  constructor(_type: PeerElement, shape: number[], data: TensorData) {
    if (data.byteOffset !== 0) throw new Error('TypedArray.byteOffset has to be equal to zero.')
    this.memory = data
    this.#shape = shape
  }

  getData(): TensorData {
    const Numbers = this.memory.constructor as new (from: TensorData) => TensorData
    return new Numbers(this.memory)
  }

  getShape(): number[] {
    return this.#shape
  }
}

export function tensor(data: TensorData, shape: number[]): FakeTensor {
  return new FakeTensor('f32', shape, data)
}

/** What the fake was asked to do, for tests to look at. */
export interface Journal {
  readonly compiled: Array<{config: Record<string, string>; device: string}>
  readonly reshaped: Array<Map<number | string, string>>
  requests: number
}

export function fakePeer(options: FakePeerOptions = {}): Peer & {readonly journal: Journal} {
  const journal: Journal = {compiled: [], reshaped: [], requests: 0}

  class Core implements PeerCore {
    getAvailableDevices(): string[] {
      return [...(options.devices ?? ['CPU'])]
    }

    getProperty(device: string, property: string): string {
      if (property !== 'FULL_DEVICE_NAME') throw new Error(`Unsupported property ${property}`)
      return `Fake ${device}`
    }

    async readModel(source: Uint8Array | string): Promise<PeerModel> {
      if (typeof source !== 'string') return modelOf(productModel(Buffer.from(source).toString()), journal)
      const model = options.models?.[source]
      if (!model) throw new Error(`Unable to read the model: ${source}\nPlease check that it is supported`)
      return modelOf(model, journal)
    }

    async compileModel(model: PeerModel, device: string, config: Record<string, string>): Promise<PeerCompiledModel> {
      const refusal = options.refuses?.[device]
      if (refusal) throw new Error(refusal)
      journal.compiled.push({config, device})
      const {fake} = model as PeerModel & {fake: FakeModel}
      return {
        inputs: model.inputs,
        outputs: model.outputs,
        createInferRequest() {
          journal.requests++
          return {
            getInputTensor(index) {
              const {array: Numbers = Float32Array, shape} = fake.inputs[index]!
              return tensor(new Numbers(0), [...shape])
            },
            inferAsync: async (inputs) =>
              fake.run(Object.fromEntries(fake.inputs.map(({name}, index) => [name, inputs[index]!]))),
          }
        },
      }
    }
  }

  const addon: PeerAddon = {Core, Tensor: FakeTensor}
  return {addon, folder: '/fake/openvino-node', journal, version: '2026.4.0'}
}

function modelOf(fake: FakeModel, journal: Journal): PeerModel & {fake: FakeModel} {
  const model = {
    fake,
    inputs: fake.inputs.map(portOf),
    outputs: fake.outputs.map(portOf),
    reshape(shapes: Map<number | string, string>) {
      journal.reshaped.push(shapes)
      if ([...shapes.values()].includes('[7]')) throw new Error('Check failed: dimensions do not fit')
      return model
    },
  }
  return model
}

function portOf({name, shape}: FakePort): PeerPort {
  return {
    anyName: name,
    getPartialShape: () => ({
      getDimensions: () => shape.map((size) => (size === -1 ? [0, 2 ** 31] : size)),
      toString: () => shape.join(','),
    }),
  }
}

/** Multiplies what the IR says. */
function productModel(ir: string): FakeModel {
  const [a, b] = [...ir.matchAll(/<data shape="(\d+),(\d+)"/g)].map((match) => [Number(match[1]), Number(match[2])])
  const [[m = 0, k = 0] = [], [, n = 0] = []] = [a, b]
  return {
    inputs: [
      {name: 'a', shape: [m, k]},
      {name: 'b', shape: [k, n]},
    ],
    outputs: [{name: 'product', shape: [m, n]}],
    run({a: left, b: right}) {
      const [x, y] = [left!.getData() as Float32Array, right!.getData() as Float32Array]
      const product = Float32Array.from({length: m * n}, (_, index) => {
        const [row, column] = [Math.floor(index / n), index % n]
        return Array.from({length: k}, (__, i) => x[row * k + i]! * y[i * n + column]!).reduce((p, q) => p + q, 0)
      })
      return {product: tensor(product, [m, n])}
    },
  }
}
