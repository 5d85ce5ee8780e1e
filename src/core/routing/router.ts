/** Chooses agents, or the labels of a head, for texts: with the engine where meaning counts, without it otherwise. */
import type {AgentProfile, Engine, RouteAnswer, RoutingMethod} from '../engine/engine.ts'

import {fromNative, loadBinding, type NativeAgentIndex, type NativeHead} from '../engine/binding.ts'
import {NpuBridgeError} from '../errors.ts'
import {embed, type EmbedOptions} from './embed.ts'

/** `keywords` are rules for names; they are asked for through the engine's operation only. */
export type TextMethod = Exclude<RoutingMethod, 'keywords'>

export interface Query {
  readonly topK?: number | undefined
  readonly threshold?: number | undefined
  readonly explain?: boolean
}

export interface RouterOptions {
  /** Whom to choose among; not needed with a head. */
  readonly agents?: readonly AgentProfile[]
  /** What was learned: a file. */
  readonly head?: string | undefined
  readonly method: TextMethod
  /** Opened when embeddings are first needed. */
  readonly openEngine: () => Promise<Pick<Engine, 'submit'>>
}

/** Prepared once, asked often. */
export class TextRouter {
  readonly #options: RouterOptions
  readonly #head: NativeHead | undefined
  readonly #index: NativeAgentIndex | undefined
  #hasEmbeddings = false
  /** The device that embeds, once it has. */
  device: string | null = null

  /** @throws {NpuBridgeError} INVALID_ARGUMENT or MODEL_INVALID for a head that cannot be read */
  constructor(options: RouterOptions) {
    this.#options = options
    const {NativeAgentIndex, NativeHead} = loadBinding()
    try {
      if (options.head === undefined) this.#index = new NativeAgentIndex(JSON.stringify(options.agents ?? []))
      else this.#head = NativeHead.load(options.head)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** What really compares: a head that knows words only needs no meaning. */
  get method(): TextMethod {
    if (!this.#head) return this.#options.method
    return this.needsEmbeddings ? 'hybrid' : 'lexical'
  }

  get needsEmbeddings(): boolean {
    if (this.#head) return (JSON.parse(this.#head.describe()) as HeadDescription).dimensions > 0
    return this.#options.method !== 'lexical'
  }

  /** The answers in the order of the texts. */
  async route(texts: readonly string[], query: Query = {}, options: EmbedOptions = {}): Promise<RouteAnswer[]> {
    if (texts.length === 0) return []
    const {explain = true, threshold, topK: top} = query
    const asked = JSON.stringify({method: this.method, explain, threshold, top})
    const embeddings = this.needsEmbeddings ? await this.#embed(texts, options) : null
    try {
      return JSON.parse((this.#head ?? this.#index!).route(texts, asked, embeddings)) as RouteAnswer[]
    } catch (error) {
      throw fromNative(error)
    }
  }

  async #embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array> {
    const engine = await this.#options.openEngine()
    if (this.#index && !this.#hasEmbeddings) {
      const known = this.#index.texts()
      if (known.length === 0) throw new NpuBridgeError('INVALID_ARGUMENT', 'there are no agents to choose among')
      this.#index.setEmbeddings((await embed(engine, known, {signal: options.signal})).all)
      this.#hasEmbeddings = true
    }

    const {all, device} = await embed(engine, texts, options)
    this.device = device ?? this.device
    return all
  }
}

export interface HeadDescription {
  readonly labels: readonly string[]
  readonly dimensions: number
  readonly threshold: number | null
}
