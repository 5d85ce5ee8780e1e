/** What a server offers, without knowing by which protocol it is asked. */
import type {Engine, Health} from '../../engine/engine.ts'
import type {ServeLimits} from '../options.ts'
import type {IndexEntry, ModelRegistry} from './model-registry.ts'
import type {ModelStatistics} from './statistics.ts'

import {NpuBridgeError} from '../../errors.ts'
import {batchSizeOf, type InferRequest, type InferResponse, inferWith} from './inference.ts'
import {CLOSING, NOT_ALLOWED, Refusal} from './refusal.ts'
import {Sequences} from './sequences.ts'
import {type Port, type ServedModel} from './served-model.ts'

export interface ServerMetadata {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

export interface Readiness {
  readonly ready: boolean
  /** Why not. */
  readonly reason: string | null
  readonly health: Health | null
}

export interface ServiceOptions {
  readonly engine: Engine
  readonly registry: ModelRegistry
  readonly limits: Pick<ServeLimits, 'tensorElements'>
  readonly version: string
  readonly control: boolean
}

const EXTENSIONS = [
  'binary_tensor_data',
  'model_repository',
  'parameters',
  'schedule_policy',
  'sequence',
  'statistics',
] as const

/** How long a health check may wait for the engine. */
const HEALTH_MS = 2000

export class InferenceService {
  readonly engine: Engine
  readonly registry: ModelRegistry
  readonly sequences = new Sequences()
  readonly metadata: ServerMetadata
  readonly #control: boolean
  readonly #mostOutputElements: number
  #preparing = 0
  #isDraining = false

  constructor({control, engine, limits, registry, version}: ServiceOptions) {
    this.engine = engine
    this.registry = registry
    this.metadata = {name: 'npubridge', version, extensions: EXTENSIONS}
    this.#control = control
    this.#mostOutputElements = limits.tensorElements
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Whether clients may load, unload and benchmark. */
  get allowsControl(): boolean {
    return this.#control
  }

  /** From now on the server says that it is not ready. */
  drain(): void {
    this.#isDraining = true
  }

  /** Loads models before the server says that it is ready. */
  async prepare(names: readonly string[]): Promise<void> {
    this.#preparing++
    try {
      const all = names.includes('all') ? await this.registry.names() : names
      for (const name of all) await this.registry.load(name)
    } finally {
      this.#preparing--
    }
  }

  /** Whether inferences would run: devices are there, and the server is neither starting nor ending. */
  async readiness(): Promise<Readiness> {
    if (this.#isDraining) return {ready: false, reason: 'the server is shutting down', health: null}
    const health = await this.#health()
    if (health === null) return {ready: false, reason: `the engine did not answer within ${HEALTH_MS} ms`, health}
    if (health.status === 'failed') return {ready: false, reason: 'no device of the engine works', health}
    if (this.#preparing > 0) return {ready: false, reason: 'models are being loaded', health}
    return {ready: true, reason: null, health}
  }

  async modelMetadata(name: string, version = ''): Promise<ModelMetadata> {
    const model = await this.registry.use(name, version)
    const {inputs, outputs, platform} = model
    return {name: model.name, versions: [model.version], platform, inputs, outputs}
  }

  /** Whether a model can take requests; loads it where this is its first use. */
  async modelReady(name: string, version = ''): Promise<boolean> {
    await this.registry.use(name, version)
    return true
  }

  async index(readyOnly: boolean): Promise<IndexEntry[]> {
    const entries = await this.registry.index()
    return readyOnly ? entries.filter(({state}) => state === 'READY') : entries
  }

  async load(name: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.requireControl('load models')
    for (const parameter of Object.keys(parameters)) {
      if (parameter === 'config' || parameter.startsWith('file:')) {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', `parameters.${parameter}: models come from the folder alone`)
      }
    }

    await this.registry.load(name)
  }

  async unload(name: string): Promise<void> {
    this.requireControl('unload models')
    await this.registry.unload(name)
  }

  /** Of one model, or of all that are ready. */
  async statistics(name?: string, version = ''): Promise<ModelStatistics[]> {
    const models = name === undefined ? this.registry.served : [await this.registry.use(name, version)]
    return models.map((model) => model.counters.report(model.name, model.version))
  }

  /** @throws {NpuBridgeError} where clients may only infer */
  requireControl(what: string): void {
    if (this.#control) return
    throw new Refusal(NOT_ALLOWED, 'UNSUPPORTED_OPERATION', `this server does not let clients ${what} (--no-control)`)
  }

  /** A model that is ready, at once where it is. */
  model(name: string, version: string): Promise<ServedModel> | ServedModel {
    return this.registry.ready(name, version) ?? this.registry.use(name, version)
  }

  async infer(model: ServedModel, request: InferRequest, signal: AbortSignal | undefined): Promise<InferResponse> {
    if (this.#isDraining) throw new Refusal(CLOSING, 'CANCELLED', 'the server is shutting down')
    const response = await inferWith(this.engine, model, request, {
      mostOutputElements: this.#mostOutputElements,
      sequences: this.sequences,
      signal,
    })
    return response
  }

  /** Counts one that was answered. `inputUs` and `outputUs` are what reading and writing it took. */
  answered(request: InferRequest, {model, result}: InferResponse, inputUs: number, outputUs: number): void {
    const {computeUs, queueUs, totalUs} = result
    model.counters.succeeded(batchSizeOf(model, request), {
      inputUs,
      outputUs,
      queueUs,
      computeUs,
      totalUs: totalUs + inputUs + outputUs,
    })
  }

  async #health(): Promise<Health | null> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        resolve(null)
      }, HEALTH_MS)
    })
    try {
      return await Promise.race([this.engine.health(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}
