import type {z} from 'zod'

/** What a configuration means to the engines. */
import type {NativeEngineOptions, Tuning} from '../engine/native.ts'
import type {Config} from './schema.ts'

import {type DevicePreference, PRIORITIES} from '../engine/engine.ts'
import {BUILT_IN_PROFILES, type BuiltInProfile, type profile as profileSchema} from './sections/profiles.ts'

type OwnProfile = z.infer<typeof profileSchema>

/** What the native engine is told of a configuration; the others honour `profile` and `queue.capacity`. */
export type EngineSettings = Omit<
  NativeEngineOptions,
  'cacheFolder' | 'devices' | 'modelsFolder' | 'rejected' | 'runtimeFolder'
>

/** The settings of `config`, which fits the schema and contradicts itself nowhere. */
export function engineSettings(config: Config): EngineSettings {
  const {profile, tuning} = tuningOf(config.profile, config)
  const own = ownProfile(config.profile, config)
  return compact({
    profile,
    tuning,
    workerThreads: config.worker_threads,
    agingMs: config.aging_ms,
    agingEvery: config.aging_every,
    retries: config.retries,
    hangAfterMs: config.hang_after_ms,
    streamIdleMs: config.stream_idle_ms,
    metrics: config.metrics,
    agents: config.agents,
    queue: queueOf(config),
    batching: batchingOf(config, own),
    resources: resourcesOf(config),
    breaker:
      config.breaker &&
      compact({
        failures: config.breaker.failures,
        pauseMs: config.breaker.pause_ms,
        longestPauseMs: config.breaker.longest_pause_ms,
      }),
    npu:
      config.npu &&
      compact({
        maxBatchSize: config.npu.max_batch_size,
        precision: config.npu.precision,
        caching: config.npu.enable_caching,
      }),
    power:
      config.power &&
      compact({
        adapt: config.power.adapt,
        budgetWatts: config.power.budget_watts,
        sysfsRoot: config.power.sysfs_root,
      }),
    matlabConfig:
      config.matlab_config &&
      compact({
        matlabRoot: config.matlab_config.matlab_root,
        enableSignalProcessing: config.matlab_config.enable_signal_processing,
        maxWorkers: config.matlab_config.max_workers,
      }),
    models: modelsOf(config),
  })
}

/** The device that a configuration asks for: its own word, or what its profile was made for. */
export function deviceOf(config: Config): DevicePreference {
  return config.device ?? ownProfile(config.profile, config)?.device ?? 'auto'
}

function ownProfile(name: string | undefined, {profiles = {}}: Config): OwnProfile | undefined {
  return name !== undefined && Object.hasOwn(profiles, name) ? profiles[name] : undefined
}

/** A profile by name as the engine knows it: the built-in one that it extends, and what it changes. */
function tuningOf(name: string | undefined, config: Config): {profile: BuiltInProfile; tuning: Tuning | undefined} {
  const own = ownProfile(name, config)
  if (own === undefined) {
    return {profile: BUILT_IN_PROFILES.find((each) => each === name) ?? 'latency', tuning: undefined}
  }

  const {hint, precision, requests, streams, tiles, turbo, workload} = own
  return {
    profile: own.extends ?? 'latency',
    tuning: compact({hint, precision, requests, streams, tiles, turbo, workload}),
  }
}

function queueOf({queue}: Config): EngineSettings['queue'] {
  if (queue === undefined) return undefined
  const {capacity, per_priority: limits, policy} = queue
  const perPriority =
    limits === undefined || Array.isArray(limits)
      ? limits
      : PRIORITIES.map((name) => (limits as Partial<Record<string, number>>)[name] ?? null)
  return compact({capacity, policy, perPriority})
}

/** What a profile says of batching is more particular than what is said of all operations. */
function batchingOf({batching}: Config, own: OwnProfile | undefined): EngineSettings['batching'] {
  const both = {...batching, ...compact(own?.batching ?? {})}
  if (Object.keys(both).length === 0) return undefined
  return compact({max: both.max, delayUs: both.delay_us, adaptive: both.adaptive, preferred: both.preferred})
}

function resourcesOf({npu, resources = {}}: Config): EngineSettings['resources'] {
  const npuMemoryMb = resources.npu_memory_mb ?? npu?.memory_limit_mb
  const settings = compact({
    memoryMb: resources.memory_mb,
    npuMemoryMb,
    npuSlots: resources.npu_slots,
    cpuCores: resources.cpu_cores,
    evictIdle: resources.evict_idle,
  })
  return Object.keys(settings).length === 0 ? undefined : settings
}

function modelsOf(config: Config): EngineSettings['models'] {
  if (config.models === undefined) return undefined
  return Object.fromEntries(
    Object.entries(config.models).map(([name, {profile, shapes}]) => {
      if (profile === undefined) return [name, compact({shapes})]
      const batching = batchingOf(config, ownProfile(profile, config))
      return [name, compact({...tuningOf(profile, config), batching, shapes})]
    }),
  )
}

/** With every property that may be undefined left out instead. */
type Compact<T> = {[K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>} & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K]
}

/** Without what is not set, so that defaults hold. */
function compact<T extends object>(settings: T): Compact<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Compact<T>
}
