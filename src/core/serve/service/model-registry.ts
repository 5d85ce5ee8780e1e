/** Which models are ready, and the requests that wait for one to be. */
import path from 'node:path'

import type {Engine, LoadModelOperation} from '../../engine/engine.ts'
import type {FoundModel, ModelSource} from './model-folder.ts'

import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {BUILTIN, portsOf, type ServedModel} from './served-model.ts'
import {ModelCounters} from './statistics.ts'

/** The states of the protocol. */
export type ModelState = 'LOADING' | 'READY' | 'UNAVAILABLE' | 'UNLOADING'

export interface IndexEntry {
  readonly name: string
  readonly version: string
  readonly state: ModelState
  readonly reason: string
}

/** A model that is there, for those who watch. */
export interface ModelOverview extends IndexEntry {
  /** What the engine knows it by. */
  readonly reference: string
}

interface Entry {
  readonly found: FoundModel
  state: ModelState
  reason: string
  ready: ServedModel | undefined
  loading: Promise<ServedModel> | undefined
  readonly counters: ModelCounters
  /** A client unloaded it: only one that asks for it brings it back, not the next inference. */
  isUnloaded: boolean
}

interface LoadRequest {
  /** A client asks for it, rather than for an inference. */
  readonly isAsked: boolean
  readonly shapes?: LoadModelOperation['shapes'] | undefined
}

export class ModelRegistry {
  readonly #engine: Pick<Engine, 'submit'>
  readonly #folder: ModelSource
  readonly #entries = new Map<string, Entry>()
  readonly #ready = new Map<string, ServedModel>()

  constructor(engine: Pick<Engine, 'submit'>, folder: ModelSource) {
    this.#engine = engine
    this.#folder = folder
    for (const model of BUILTIN) this.#ready.set(model.name, {...model, counters: new ModelCounters()})
  }

  /** A model that is ready now; undefined where something has to be done for it first. */
  ready(name: string, version: string): ServedModel | undefined {
    const model = this.#ready.get(name)
    return model !== undefined && (version === '' || version === model.version) ? model : undefined
  }

  /** Models that are ready and are files. */
  get served(): readonly ServedModel[] {
    return [...this.#ready.values()]
  }

  /**
   * A model by name, loaded at its first use.
   *
   * @throws {NpuBridgeError} MODEL_NOT_FOUND for one that is not there, has another version or was unloaded; what loading
   *   it throws
   */
  async use(name: string, version = ''): Promise<ServedModel> {
    const model = this.#ready.get(name) ?? (await this.#load(await this.#entry(name), {isAsked: false}))
    if (version === '' || version === model.version) return model
    throw new NpuBridgeError('MODEL_NOT_FOUND', `the model ${name} has no version ${JSON.stringify(version)}`, {
      suggestions: [`its version is ${model.version}`],
    })
  }

  /**
   * Loads a model, again if it is loaded.
   *
   * @param name of the model, as clients know it
   * @param shapes input shapes to fix, by input name
   */
  async load(name: string, shapes?: LoadModelOperation['shapes']): Promise<ServedModel> {
    const builtin = isBuiltin(name) ? this.#ready.get(name) : undefined
    return builtin ?? this.#load(await this.#refreshed(name), {isAsked: true, shapes})
  }

  /** Unloads a model. Inferences that wait for it fail; those that run end as they would. */
  async unload(name: string): Promise<void> {
    if (isBuiltin(name)) throw new NpuBridgeError('INVALID_ARGUMENT', `${name} is built in and stays loaded`)
    const entry = await this.#entry(name)
    await entry.loading?.catch(() => undefined)
    entry.isUnloaded = true
    if (entry.ready === undefined) return
    this.#forget(entry, 'UNLOADING', '')
    try {
      await this.#engine.submit({type: 'unload_model', model: entry.found.reference})
    } catch (error) {
      // The engine may have let it go by itself to make room.
      if (asNpuBridgeError(error).code !== 'MODEL_NOT_FOUND') throw error
    } finally {
      entry.state = 'UNAVAILABLE'
      entry.reason = 'unloaded'
    }
  }

  async index(): Promise<IndexEntry[]> {
    const builtin = BUILTIN.map(({name, version}) => ({name, version, state: 'READY', reason: ''}) as const)
    const found = await this.found()
    return [...builtin, ...found.map((each) => this.#indexed(each))]
  }

  /** The models that lie in the folder now. */
  async found(): Promise<FoundModel[]> {
    return this.#folder.list()
  }

  /** How models are that were found some time ago, and those that have been used since. */
  overview(found: readonly FoundModel[]): ModelOverview[] {
    const all = new Map(found.map((each) => [each.name, each]))
    for (const [name, entry] of this.#entries) all.set(name, entry.found)
    return [...all.values()].map((each) => ({...this.#indexed(each), reference: each.reference}))
  }

  #indexed({name, version}: FoundModel): IndexEntry {
    const entry = this.#entries.get(name)
    if (!entry) return {name, version, state: 'UNAVAILABLE', reason: 'not loaded yet'}
    return {name, version: entry.found.version, state: entry.state, reason: entry.reason}
  }

  /** Names of all models that there are. */
  async names(): Promise<string[]> {
    return (await this.#folder.list()).map(({name}) => name)
  }

  async #entry(name: string): Promise<Entry> {
    return this.#entries.get(name) ?? this.#refreshed(name)
  }

  /** The entry of a model as it lies in the folder now. */
  async #refreshed(name: string): Promise<Entry> {
    const found = await this.#folder.find(name)
    const known = this.#entries.get(name)
    if (known?.found.reference === found.reference && known.found.version === found.version) return known
    // Another request may have found it meanwhile, while this one looked.
    const entry: Entry = {
      found,
      state: 'UNAVAILABLE',
      reason: 'not loaded yet',
      ready: undefined,
      loading: undefined,
      counters: known?.counters ?? new ModelCounters(),
      isUnloaded: known?.isUnloaded ?? false,
    }
    this.#entries.set(name, entry)
    return entry
  }

  async #load(entry: Entry, {isAsked, shapes}: LoadRequest): Promise<ServedModel> {
    if (entry.loading) return entry.loading
    if (entry.ready && !isAsked) return entry.ready
    if (entry.isUnloaded && !isAsked) {
      throw new NpuBridgeError('MODEL_NOT_FOUND', `the model ${entry.found.name} was unloaded`, {
        suggestions: [`POST /v2/repository/models/${entry.found.name}/load loads it again`],
      })
    }

    entry.loading = this.#loadNow(entry, shapes).finally(() => {
      entry.loading = undefined
    })
    return entry.loading
  }

  async #loadNow(entry: Entry, shapes: LoadRequest['shapes']): Promise<ServedModel> {
    const {found} = entry
    entry.state = 'LOADING'
    try {
      const result = await this.#engine.submit({type: 'load_model', model: found.reference, ...(shapes && {shapes})})
      const ports = portsOf(result)
      const model: ServedModel = {
        kind: 'openvino',
        name: found.name,
        version: found.version,
        platform: path.extname(found.file).toLowerCase() === '.onnx' ? 'openvino_onnx' : 'openvino_ir',
        reference: found.reference,
        ...ports,
        batches: ports.inputs.length > 0 && ports.inputs.every(({shape}) => shape[0] === -1),
        counters: entry.counters,
      }
      entry.isUnloaded = false
      entry.ready = model
      entry.state = 'READY'
      entry.reason = ''
      this.#ready.set(found.name, model)
      return model
    } catch (error) {
      this.#forget(entry, 'UNAVAILABLE', asNpuBridgeError(error).message)
      throw error
    }
  }

  #forget(entry: Entry, state: ModelState, reason: string): void {
    this.#ready.delete(entry.found.name)
    entry.ready = undefined
    entry.state = state
    entry.reason = reason
  }
}

function isBuiltin(name: string): boolean {
  return BUILTIN.some((model) => model.name === name)
}
