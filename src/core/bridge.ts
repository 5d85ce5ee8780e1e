/**
 * The front door of the package: puts the engines that this machine may have before {@link selectEngine} and opens what
 * it takes. Which devices there are is only ever found out in child processes, because asking can crash.
 */
import type {Config} from './config/schema.ts'
import type {DevicePreference, Engine} from './engine/engine.ts'

import {deviceOf, type EngineSettings, engineSettings} from './config/engine-settings.ts'
import {resolveConfig} from './config/resolve.ts'
import {fromJavaScript} from './config/spelling.ts'
import {createLegacyEngine} from './engine/legacy.ts'
import {inspectPeer} from './engine/openvino-node-inspect.ts'
import {createOpenVinoNodeEngine} from './engine/openvino-node.ts'
import {type EngineCandidate, type EnginePreference, selectEngine} from './engine/select.ts'
import {asNpuBridgeError, NpuBridgeError} from './errors.ts'
import {nativeParts, type NativeParts} from './native-parts.ts'
import {type Paths, resolvePaths} from './paths.ts'

/** What the native engine can be told, in JavaScript's spelling; the others honour `queue.capacity`. */
export type BridgeConfig = Omit<EngineSettings, 'profile' | 'tuning'>

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
   * What is optimized for: latency, throughput, efficiency, or a name from `config.profiles`.
   *
   * @default 'latency'
   */
  readonly profile?: string
  /** The folder of an OpenVINO runtime. Only the native engine loads one, so naming it is naming that engine. */
  readonly runtime?: string
  /** Where models that are given by name are; where `models pull` puts them when absent. */
  readonly modelsFolder?: string
  /** The user's old Python module, for the legacy engine; the reference that ships with npubridge when absent. */
  readonly legacyModule?: string
  /**
   * Settings: an object in JavaScript's spelling (`delayUs`) or in that of files (`delay_us`), or the name of a file.
   * Variables `NPUBRIDGE_…` overrule a file and are overruled by an object. No file is looked for.
   */
  readonly config?: BridgeConfig | Config | string
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

/**
 * Opens the engine that the options ask for, or the first that this machine can run. Every result says what ran it.
 *
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE when what is asked for is not there, with every reason; INVALID_ARGUMENT,
 *   CONFIG_INVALID; for an engine that is named: RUNTIME_NOT_FOUND, UNSUPPORTED_OPERATION, LEGACY_FAILED and what else
 *   keeps it from running
 */
export async function createBridge(options: BridgeOptions = {}, parts: BridgeParts = PARTS): Promise<Engine> {
  const {config} = await resolveBridgeConfig(options, parts.env)
  const paths = resolvePaths(parts.env)
  const models = options.modelsFolder ?? paths.models
  const request = {config, paths: {...paths, models}, settings: engineSettings(config), signal: options.signal}
  const candidates = [nativeEngine, openVinoNodeEngine, legacyEngine].map((describe) => describe(request, parts))
  try {
    return (await selectEngine({device: deviceOf(config), engine: engineOf(config)}, candidates)).engine
  } catch (error) {
    throw withProfile(error, config)
  }
}

/** Says so where it is a profile that asks for a device which is not there. */
function withProfile(error: unknown, config: Config): unknown {
  const wanted = deviceOf(config)
  if (!(error instanceof NpuBridgeError) || error.code !== 'DEVICE_UNAVAILABLE') return error
  if (config.device !== undefined || wanted === 'auto') return error
  const {cause, message, suggestions} = error
  return new NpuBridgeError(error.code, `the profile ${config.profile!} is for ${wanted}, and ${message}`, {
    cause: cause ?? error,
    suggestions: ['Take another profile: --profile latency', ...suggestions],
  })
}

/** What is asked for, from all sources. */
interface Request {
  readonly config: Config
  readonly settings: EngineSettings
  readonly paths: Paths
  readonly signal: AbortSignal | undefined
}

async function resolveBridgeConfig(options: BridgeOptions, env: NodeJS.ProcessEnv) {
  const {config, device, engine, legacyModule, profile, runtime} = options
  const own = {device, engine, legacy_module: legacyModule, profile, runtime}
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value))
  try {
    return await resolveConfig({
      code: {...(typeof config === 'object' && fromJavaScript(config)), ...given},
      env,
      file: typeof config === 'string' ? config : undefined,
      folder: null,
    })
  } catch (error) {
    const failure = asNpuBridgeError(error)
    // What was passed as an option of its own is an argument, whatever it is checked by.
    if (Object.keys(given).every((name) => !failure.message.startsWith(`${name} is`))) throw failure
    const {message, suggestions} = failure
    throw new NpuBridgeError('INVALID_ARGUMENT', message, {cause: failure, suggestions})
  }
}

/** The engine that is asked for: a runtime that was named is a choice too, and only one engine can honour it. */
function engineOf({engine = 'auto', runtime}: Config): EnginePreference {
  if (runtime !== undefined && engine !== 'auto' && engine !== 'native') {
    throw new NpuBridgeError('INVALID_ARGUMENT', `runtime is ${runtime}, but the ${engine} engine loads none`, {
      suggestions: ['Leave out the runtime, or take --engine native.'],
    })
  }

  return engine === 'auto' && runtime ? 'native' : engine
}

function nativeEngine({config, paths, settings, signal}: Request, {native}: BridgeParts): EngineCandidate {
  const runtime = once(async () => {
    await native.checkBinding()
    return native.findRuntime({explicit: config.runtime})
  })
  return {
    kind: 'native',
    async devices() {
      const {folder} = await runtime()
      const {devices, tests = []} = await native.trustedDevices(folder, {signal})
      const broken = new Set(tests.filter(({ok}) => !ok).map((test) => test.device))
      const working = devices.map(({name}) => name).filter((name) => !broken.has(name))
      return working.filter((name) => isWantedNpu(name, config.npu?.device_id))
    },
    async create({devices, rejected}) {
      const {folder} = await runtime()
      return native.createNativeEngine({...settings, ...folders(paths), devices, rejected, runtimeFolder: folder})
    },
  }
}

/** Of several NPUs, OpenVINO numbers all; one alone has no number. */
function isWantedNpu(name: string, id: number | undefined): boolean {
  if (id === undefined || !name.startsWith('NPU')) return true
  return name === `NPU.${id}` || (name === 'NPU' && id === 0)
}

function openVinoNodeEngine({paths, settings, signal}: Request, parts: BridgeParts): EngineCandidate {
  return {
    kind: 'openvino-node',
    async devices() {
      const {devices} = await parts.inspectPeer({signal})
      return devices.map(({name}) => name)
    },
    create: async ({devices, fallback}) =>
      parts.createOpenVinoNodeEngine({
        ...folders(paths),
        capacity: settings.queue?.capacity,
        devices,
        fallback,
        profile: settings.profile,
      }),
  }
}

function legacyEngine({config, settings}: Request, parts: BridgeParts): EngineCandidate {
  return {
    kind: 'legacy',
    devices: async () => null,
    create: async ({fallback}) =>
      parts.createLegacyEngine({
        capacity: settings.queue?.capacity,
        env: parts.env,
        fallback,
        module: config.legacy_module,
      }),
  }
}

function folders({cache, models}: Paths) {
  return {cacheFolder: cache, modelsFolder: models}
}

/** `work` done when it is first needed, and not again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return async () => (result ??= work())
}
