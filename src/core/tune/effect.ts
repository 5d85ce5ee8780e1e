/** What a setting comes to on a device: many ways to ask end in the same. */
import type {Candidate} from './candidate.ts'
import type {LoadedModel} from './trial.ts'

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
  const {hint = 'latency', requests: askedRequests, streams: askedStreams} = candidate
  const isLeftToEngine = askedRequests === undefined && askedStreams === undefined
  return JSON.stringify([device, hint, isLeftToEngine, maxBatch, requests, compiled])
}
