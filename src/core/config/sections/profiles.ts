import {z} from 'zod'

import {DEVICES, PRECISIONS, setting, whole} from '../section.ts'
import {batching} from './batching.ts'

export const BUILT_IN_PROFILES = ['latency', 'throughput', 'efficiency'] as const
export type BuiltInProfile = (typeof BUILT_IN_PROFILES)[number]

/** A name that can stand in a file, in a flag and in a variable. */
export const PROFILE_NAME = /^[a-z][a-z0-9._-]{0,63}$/i

const tuned = z
  .looseObject({model: z.string(), device: z.string()})
  .optional()
  .meta({description: 'Where the profile comes from; written by tune --save, for people.'})

export const profile = z.strictObject({
  extends: setting(z.enum(BUILT_IN_PROFILES), 'The profile that holds where this one says nothing.', {
    default: 'latency',
  }),
  description: setting(z.string(), 'What it is for.', {note: 'none'}),
  device: setting(z.enum(DEVICES.slice(1) as ['npu', 'gpu', 'cpu']), 'The device that it was made for.', {note: 'any'}),
  hint: setting(z.enum(['latency', 'throughput']), 'PERFORMANCE_HINT.', {note: 'that of the profile it extends'}),
  requests: setting(whole(1, 1024), 'Inferences on the device at once, and PERFORMANCE_HINT_NUM_REQUESTS.', {
    note: 'OPTIMAL_NUMBER_OF_INFER_REQUESTS of the compiled model',
  }),
  streams: setting(whole(1, 1024), 'NUM_STREAMS.', {note: 'chosen by the device for the hint'}),
  turbo: setting(z.boolean(), 'NPU_TURBO.', {note: 'that of the profile it extends'}),
  workload: setting(z.enum(['default', 'efficient']), 'WORKLOAD_TYPE.', {note: 'that of the profile it extends'}),
  tiles: setting(whole(1, 64), 'NPU_TILES; at most as many as the NPU has.', {note: 'chosen by the compiler'}),
  precision: setting(z.enum(PRECISIONS), 'INFERENCE_PRECISION_HINT; INT8 needs a model that is quantised.', {
    note: 'FP32 on a CPU, elsewhere what the device prefers',
  }),
  batching,
  tuned,
})

export const profiles = z
  .record(z.string().regex(PROFILE_NAME), profile)
  .optional()
  .meta({description: 'Own profiles by name, for the setting profile and the flag --profile.'})
