/**
 * The front door of the package: puts the engines that this machine may have before {@link selectEngine} and opens what
 * it takes. Which devices there are is only ever found out in child processes, because asking can crash.
 */
import type {DevicePreference, Engine} from './engine/engine.ts'
import type {NativeEngineOptions} from './engine/native.ts'

import {createLegacyEngine} from './engine/legacy.ts'
import {inspectPeer} from './engine/openvino-node-inspect.ts'
import {createOpenVinoNodeEngine, type Profile} from './engine/openvino-node.ts'
import {type EngineCandidate, type EnginePreference, selectEngine} from './engine/select.ts'
import {NpuBridgeError} from './errors.ts'
import {nativeParts, type NativeParts} from './native-parts.ts'
import {type Paths, resolvePaths} from './paths.ts'

/** What the native engine can be told; the others honour `queue.capacity`. */
export type BridgeConfig = Omit<
  NativeEngineOptions,
  'cacheFolder' | 'devices' | 'modelsFolder' | 'profile' | 'rejected' | 'runtimeFolder'
>

export interface BridgeOptions {
  /**
   * The device to run on; `auto` tries npu, gpu, cpu.
   *
   * @default 'auto'
   */
  readonly device?: DevicePreference
  /**
   * What executes operations; `auto` tries native, openvino-node, legacy.
   *
   * @default 'auto'
   */
  readonly engine?: EnginePreference
  /**
   * What is optimized for.
   *
   * @default 'latency'
   */
  readonly profile?: Profile
  /** The folder of an OpenVINO runtime. Only the native engine loads one, so naming it is naming that engine. */
  readonly runtime?: string
  /** Where models that are given by name are; where `models pull` puts them when absent. */
  readonly modelsFolder?: string
  /** The user's old Python module, for the legacy engine; the reference that ships with npubridge when absent. */
  readonly legacyModule?: string
  readonly config?: BridgeConfig
  /** Stops the search for an engine. */
  readonly signal?: AbortSignal
}

/** What a bridge is put together from; replaced in tests. */
export interface BridgeParts {
  readonly native: NativeParts
  readonly inspectPeer: typeof inspectPeer
  readonly createOpenVinoNodeEngine: typeof createOpenVinoNodeEngine
  readonly createLegacyEngine: typeof createLegacyEngine
  readonly env: NodeJS.ProcessEnv
}

const PARTS: BridgeParts = {
  native: nativeParts,
  inspectPeer,
  createOpenVinoNodeEngine,
  createLegacyEngine,
  env: process.env,
}

const ALLOWED = {
  device: ['auto', 'npu', 'gpu', 'cpu'],
  engine: ['auto', 'native', 'openvino-node', 'legacy'],
  profile: ['latency', 'throughput', 'efficiency'],
} as const

/**
 * Opens the engine that the options ask for, or the first that this machine can run. Every result says what ran it.
 *
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE when what is asked for is not there, with every reason; INVALID_ARGUMENT,
 *   CONFIG_INVALID; for an engine that is named: RUNTIME_NOT_FOUND, UNSUPPORTED_OPERATION, LEGACY_FAILED and what else
 *   keeps it from running
 */
export async function createBridge(options: BridgeOptions = {}, parts: BridgeParts = PARTS): Promise<Engine> {
  checkOptions(options)
  const {device = 'auto'} = options
  const paths = resolvePaths(parts.env)
  const candidates = [nativeEngine, openVinoNodeEngine, legacyEngine].map((describe) => describe(options, parts, paths))
  return (await selectEngine({device, engine: engineOf(options, parts.env)}, candidates)).engine
}

/** The engine that is asked for: a runtime that was named is a choice too, and only one engine can honour it. */
function engineOf({engine = 'auto', runtime}: BridgeOptions, env: NodeJS.ProcessEnv): EnginePreference {
  if (runtime !== undefined && engine !== 'auto' && engine !== 'native') {
    throw new NpuBridgeError('INVALID_ARGUMENT', `runtime is ${runtime}, but the ${engine} engine loads none`, {
      suggestions: ['Leave out the runtime, or take --engine native.'],
    })
  }

  return engine === 'auto' && (runtime ?? env.NPUBRIDGE_RUNTIME) ? 'native' : engine
}

function nativeEngine(options: BridgeOptions, {native}: BridgeParts, paths: Paths): EngineCandidate {
  const runtime = once(async () => {
    await native.checkBinding()
    return native.findRuntime({explicit: options.runtime})
  })
  return {
    kind: 'native',
    async devices() {
      const {folder} = await runtime()
      const {devices, tests = []} = await native.trustedDevices(folder, {signal: options.signal})
      const broken = new Set(tests.filter(({ok}) => !ok).map((test) => test.device))
      return devices.map(({name}) => name).filter((name) => !broken.has(name))
    },
    async create({devices, rejected}) {
      const {folder} = await runtime()
      return native.createNativeEngine({
        ...shared(options, paths),
        devices,
        rejected,
        runtimeFolder: folder,
        ...options.config,
      })
    },
  }
}

function openVinoNodeEngine(options: BridgeOptions, parts: BridgeParts, paths: Paths): EngineCandidate {
  return {
    kind: 'openvino-node',
    async devices() {
      const {devices} = await parts.inspectPeer({signal: options.signal})
      return devices.map(({name}) => name)
    },
    create: async ({devices, fallback}) =>
      parts.createOpenVinoNodeEngine({
        ...shared(options, paths),
        capacity: options.config?.queue?.capacity,
        devices,
        fallback,
      }),
  }
}

function legacyEngine(options: BridgeOptions, parts: BridgeParts): EngineCandidate {
  return {
    kind: 'legacy',
    devices: async () => null,
    create: async ({fallback}) =>
      parts.createLegacyEngine({
        capacity: options.config?.queue?.capacity,
        env: parts.env,
        fallback,
        module: options.legacyModule,
      }),
  }
}

function shared(options: BridgeOptions, {cache, models}: Paths) {
  return {cacheFolder: cache, modelsFolder: options.modelsFolder ?? models, profile: options.profile ?? ('latency' as const)}
}

function checkOptions(options: BridgeOptions): void {
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const value = options[name as keyof typeof ALLOWED]
    if (value === undefined || (allowed as readonly string[]).includes(value)) continue
    const message = `${name} is ${JSON.stringify(value)}, it must be one of ${allowed.join(', ')}`
    throw new NpuBridgeError('INVALID_ARGUMENT', message)
  }

  const capacity = options.config?.queue?.capacity
  if (capacity === undefined || (Number.isInteger(capacity) && capacity > 0)) return
  throw new NpuBridgeError('CONFIG_INVALID', `queue.capacity is ${capacity}, it must be a whole number from 1`)
}

/** `work` done when it is first needed, and not again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return async () => (result ??= work())
}
