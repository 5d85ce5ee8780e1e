/** A setting to be tried: what a profile may say, as far as it is searched. */
import type {z} from 'zod'

import type {profile} from '../config/sections/profiles.ts'

export type OwnProfile = z.infer<typeof profile>

/** What is not given is left to the device, or to the engine. */
export interface Candidate {
  readonly hint?: 'latency' | 'throughput'
  readonly requests?: number
  readonly streams?: number
  /** The most operations in one inference, tried as fixed. */
  readonly batch?: number
  readonly precision?: 'FP16' | 'FP32' | 'INT8'
  /** What NPUs have: NPU_TURBO, WORKLOAD_TYPE, NPU_TILES. */
  readonly turbo?: boolean
  readonly workload?: 'default' | 'efficient'
  readonly tiles?: number
}

/** What runs when nobody chooses: the profile latency as it is. */
export const DEFAULT: Candidate = {}

/** The profile that a candidate stands for. */
export function profileOf({batch, hint, ...others}: Candidate): OwnProfile {
  return {
    extends: hint ?? 'latency',
    ...others,
    ...(batch !== undefined && {batching: {max: batch}}),
  }
}

/** `THROUGHPUT, 2 requests, 1 stream, batches up to 8`; `default` where nothing is chosen. */
export function describe({batch, hint, precision, requests, streams, tiles, turbo, workload}: Candidate): string {
  const parts = [
    hint && `hint ${hint}`,
    requests !== undefined && `${requests} ${requests === 1 ? 'request' : 'requests'}`,
    streams !== undefined && `${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    batch !== undefined && (batch === 1 ? 'no batches' : `batches up to ${batch}`),
    precision,
    turbo !== undefined && (turbo ? 'turbo' : 'no turbo'),
    workload && `workload ${workload}`,
    tiles !== undefined && `${tiles} ${tiles === 1 ? 'tile' : 'tiles'}`,
  ].filter(Boolean)
  return parts.length === 0 ? 'default' : parts.join(', ')
}

/** A hint fixes less than a number does: it leaves the numbers to the device, and says the same to any. */
const HINT = 0.5

/** How much a candidate fixes: of equal ones, the simpler is better. */
export function complexity({hint, ...others}: Candidate): number {
  return Object.keys(others).length + (hint === undefined ? 0 : HINT)
}

/** Whether the engine may choose whose threads run the model: its own, where that is quicker, for what is short. */
export function leavesThreads({requests, streams}: Candidate): boolean {
  return requests === undefined && streams === undefined
}
