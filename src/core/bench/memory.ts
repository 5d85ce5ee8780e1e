import {z} from 'zod'

import type {EngineSelection} from './open-engine.ts'

import {askChild} from './ask-child.ts'

export interface MemoryRequest {
  readonly selection: EngineSelection
  readonly operations: number
  /** Numbers of eight bytes that each operation brings. */
  readonly elements: number
  /** How often memory is looked at along the way. */
  readonly rssEvery: number
}

const answerSchema = z.object({
  /** Resident memory of Node.js before anything of ours is loaded, in bytes. */
  bare: z.number(),
  /** With an engine that is ready. */
  base: z.number(),
  /** The most, up to the end of the first operations. */
  peak: z.number(),
  /** After the first operations, which fill heaps and pools. */
  before: z.number(),
  /** After as many operations again. */
  after: z.number(),
  operations: z.number(),
  /** Operations done and the memory resident then, along the way. */
  rss: z.array(z.tuple([z.number(), z.number()])),
})

/** Resident memory of a process that does operations. */
export type MemoryUse = Readonly<z.infer<typeof answerSchema>>

/** Does operations in a process of its own and tells what became of its memory. */
export async function measureMemory(request: MemoryRequest, signal?: AbortSignal): Promise<MemoryUse> {
  return askChild('memory-child', ['--expose-gc'], request, answerSchema, signal)
}
