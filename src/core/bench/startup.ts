import {performance} from 'node:perf_hooks'
import {z} from 'zod'

import type {EngineSelection} from './open-engine.ts'

import {askChild} from './ask-child.ts'

export interface StartupRequest {
  readonly selection: EngineSelection
  /** Runs an inference of this model; an echo when null. */
  readonly model: string | null
}

const answerSchema = z.object({at: z.number()})

/** Milliseconds from starting a process to its first answer. */
export async function measureStartup(request: StartupRequest, signal?: AbortSignal): Promise<number> {
  const started = performance.timeOrigin + performance.now()
  const {at} = await askChild('startup-child', [], request, answerSchema, signal)
  return at - started
}
