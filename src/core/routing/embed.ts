/** Texts as vectors, by the engine. */
import type {Engine} from '../engine/engine.ts'

import {NpuBridgeError} from '../errors.ts'

/** Texts of one operation: between two of them progress can be told and work be stopped. */
const AT_ONCE = 512

export interface Embeddings {
  /** One after the other. */
  readonly all: Float32Array
  readonly dimensions: number
  /** Null when all were known already. */
  readonly device: string | null
}

export interface EmbedOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** @throws {NpuBridgeError} what keeps the model from running; CANCELLED */
export async function embed(
  engine: Pick<Engine, 'submit'>,
  texts: readonly string[],
  {onProgress, signal}: EmbedOptions = {},
): Promise<Embeddings> {
  const parts: Float32Array[] = []
  let dimensions = 0
  let device: string | null = null
  for (let first = 0; first < texts.length; first += AT_ONCE) {
    const some = texts.slice(first, first + AT_ONCE)
    const result = await engine.submit({type: 'embed', texts: some}, signal ? {signal} : {})
    const tensor = result.outputs?.embeddings
    if (!(tensor?.data instanceof Float32Array)) throw new NpuBridgeError('INTERNAL', 'embed gave no embeddings')
    parts.push(tensor.data)
    dimensions = tensor.shape[1]!
    device ??= result.device
    onProgress?.(first + some.length, texts.length)
  }

  const all = new Float32Array(texts.length * dimensions)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }

  return {all, device, dimensions}
}
