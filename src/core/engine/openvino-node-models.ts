/** The models that the engine over `openvino-node` has compiled, by name, each on the first device that takes it. */
import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Fallback, LoadModelOperation} from './engine.ts'
import type {PeerAddon, PeerCore, PeerModel} from './openvino-node-types.ts'

import {NpuBridgeError} from '../errors.ts'
import {matrixModel} from './matrix-model.ts'
import {findModelFile, type StatePair} from './model-file.ts'
import {firstLine, OpenVinoNodeModel} from './openvino-node-model.ts'

/** Compiled multiplications that are kept, one for each combination of sizes. */
const PRODUCTS = 8

export interface Loaded {
  readonly model: OpenVinoNodeModel
  readonly device: string
  /** When the device is not the first choice. */
  readonly fallback: Fallback | null
}

export interface ModelsOptions {
  readonly devices: readonly string[]
  readonly modelsFolder: string
  readonly cacheFolder: string
  readonly profile: 'efficiency' | 'latency' | 'throughput'
}

interface Sizes {
  readonly k: number
  readonly m: number
  readonly n: number
}

export class OpenVinoNodeModels {
  readonly #addon: PeerAddon
  readonly #core: PeerCore
  readonly #options: ModelsOptions
  readonly #models = new Map<string, Promise<Loaded>>()
  readonly #products = new Map<string, Promise<Loaded>>()

  constructor(addon: PeerAddon, core: PeerCore, options: ModelsOptions) {
    this.#addon = addon
    this.#core = core
    this.#options = options
  }

  /** What is loaded or being loaded. */
  get names(): string[] {
    return [...this.#models.keys()]
  }

  /**
   * The model called `name`, loaded when it is not; anew when `shapes` are given.
   *
   * @throws {NpuBridgeError} MODEL_NOT_FOUND, MODEL_INVALID, INVALID_ARGUMENT
   */
  async load(name: string, shapes?: LoadModelOperation['shapes']): Promise<Loaded> {
    const known = shapes ? undefined : this.#models.get(name)
    return known ?? keep(this.#models, name, this.#read(name, shapes))
  }

  unload(name: string): void {
    if (this.#models.delete(name)) return
    throw new NpuBridgeError('MODEL_NOT_FOUND', `the model ${name} is not loaded`)
  }

  /** The model that multiplies matrices of these sizes. */
  async product(sizes: Sizes): Promise<Loaded> {
    const key = `${sizes.m},${sizes.k},${sizes.n}`
    const known = this.#products.get(key)
    // Deleted and set again, so that the one that was not used for longest is the first.
    this.#products.delete(key)
    const [oldest] = this.#products.keys()
    if (oldest !== undefined && this.#products.size >= PRODUCTS) this.#products.delete(oldest)
    return keep(this.#products, key, known ?? this.#compileProduct(sizes))
  }

  clear(): void {
    this.#models.clear()
    this.#products.clear()
  }

  async #compileProduct(sizes: Sizes): Promise<Loaded> {
    const model = await this.#core.readModel(Buffer.from(matrixModel(sizes)))
    return this.#compile('matrix_multiply', model, [])
  }

  async #read(name: string, shapes: LoadModelOperation['shapes']): Promise<Loaded> {
    const file = await findModelFile(name, this.#options.modelsFolder)
    const model = await this.#core.readModel(file.path).catch((error: unknown) => {
      const reason = firstLine((error as Error).message)
      throw new NpuBridgeError('MODEL_INVALID', `${file.path} cannot be read as a model: ${reason}`, {cause: error})
    })
    return this.#compile(name, shapes ? reshaped(name, model, shapes) : model, file.state)
  }

  async #compile(name: string, model: PeerModel, state: readonly StatePair[] | undefined): Promise<Loaded> {
    const refusals: Array<{device: string; error: unknown; reason: string}> = []
    for (const device of this.#options.devices) {
      try {
        const compiled = await this.#core.compileModel(model, device, this.#config(device))
        const [first] = refusals
        const fallback = first ? {from: first.device, to: device, reason: first.reason} : null
        return {device, fallback, model: new OpenVinoNodeModel(this.#addon, name, compiled, state)}
      } catch (error) {
        refusals.push({device, error, reason: firstLine((error as Error).message)})
      }
    }

    const reasons = refusals.map(({device, reason}) => `${device}: ${reason}`).join('; ')
    throw new NpuBridgeError('MODEL_INVALID', `the model ${name} does not compile on any device (${reasons})`, {
      cause: refusals[0]!.error,
    })
  }

  #config(device: string): Record<string, string> {
    return {
      // As the engine in Rust: bf16, which OpenVINO takes where the processor has it, makes results the machine's.
      ...(device === 'CPU' && {INFERENCE_PRECISION_HINT: 'f32'}),
      CACHE_DIR: path.join(this.#options.cacheFolder, 'openvino-node'),
      PERFORMANCE_HINT: this.#options.profile === 'throughput' ? 'THROUGHPUT' : 'LATENCY',
    }
  }
}

/** Keeps what is being made for those who ask for it meanwhile; a failure is not kept. */
async function keep(where: Map<string, Promise<Loaded>>, key: string, loading: Promise<Loaded>): Promise<Loaded> {
  where.set(key, loading)
  try {
    return await loading
  } catch (error) {
    if (where.get(key) === loading) where.delete(key)
    throw error
  }
}

function reshaped(name: string, model: PeerModel, shapes: NonNullable<LoadModelOperation['shapes']>): PeerModel {
  const inputs = model.inputs.map(({anyName}) => anyName)
  const unknown = Object.keys(shapes).find((input) => !inputs.includes(input))
  if (unknown !== undefined) {
    const what = `there is no input ${unknown}: the model ${name} takes ${inputs.join(', ')}`
    throw new NpuBridgeError('INVALID_ARGUMENT', what)
  }

  try {
    return model.reshape(new Map(Object.entries(shapes).map(([input, shape]) => [input, `[${shape.join(',')}]`])))
  } catch (error) {
    const reason = firstLine((error as Error).message)
    throw new NpuBridgeError('SHAPE_MISMATCH', `the model ${name} takes no such shapes: ${reason}`, {cause: error})
  }
}
