/** What a setting comes to on a device: many ways to ask end in the same. */
import type {LoadedModel} from './trial.ts'

import {type Candidate, leavesThreads} from './candidate.ts'

/**
 * Equal for settings that do the same; null where the device does not say what it made of one. The hint counts by
 * itself, since the engine takes it too; and a model runs on the engine's own threads only where neither requests nor
 * streams are asked for.
 */
export function effectOf(candidate: Candidate, loaded: LoadedModel): null | string {
  const {device, effective, maxBatch, requests} = loaded
  if (Object.keys(effective).length === 0) return null
  // How many requests were asked for shows in how many there are.
  const {PERFORMANCE_HINT_NUM_REQUESTS: _, ...compiled} = effective
  const {hint = 'latency'} = candidate
  return JSON.stringify([device, hint, leavesThreads(candidate), maxBatch, requests, compiled])
}
