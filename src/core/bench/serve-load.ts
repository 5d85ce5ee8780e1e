import {z} from 'zod'

import {askChild} from './ask-child.ts'

export interface ServeLoadRequest {
  readonly port: number
  /** Whole requests, as they go over the wire, in base64. */
  readonly request: string
  readonly connections: number
  readonly durationMs: number
}

const answerSchema = z.object({latenciesUs: z.array(z.number()), seconds: z.number()})

/**
 * Keeps connections of a process of its own busy with one request.
 *
 * @returns how long each answer took, and how long all of it
 */
export async function measureServeLoad(
  request: ServeLoadRequest,
  signal?: AbortSignal,
): Promise<z.infer<typeof answerSchema>> {
  return askChild('serve-load-child', [], request, answerSchema, signal)
}
