import path from 'node:path'

import type {Config} from '../config/schema.ts'
import type {DevicePreference, Engine} from '../engine/engine.ts'

import {createBridge} from '../bridge.ts'
import {createLegacyEngine, type LegacyEngine} from '../engine/legacy.ts'
import {pythonCommands} from '../engine/python.ts'
import {NpuBridgeError} from '../errors.ts'

/** What the user asks the accelerated side to be. */
export interface EngineSelection {
  readonly device: DevicePreference
  readonly engine: 'auto' | 'native' | 'openvino-node'
  readonly runtime?: string
  /** Taken for every measurement instead of the profile that belongs to it. */
  readonly profile?: string
  readonly config?: Config
}

/** The same with every inference by itself: none is stacked with others. */
export function unstacked(selection: EngineSelection): EngineSelection {
  return {...selection, config: {...selection.config, batching: {max: 1}}}
}

/**
 * Opens the accelerated side. What falls back on the old module is not accelerated: comparing that with itself would
 * tell nothing.
 *
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE with the reasons, and what createBridge throws
 */
export async function openEngine(
  selection: EngineSelection,
  profile: 'latency' | 'throughput' = 'latency',
): Promise<Engine> {
  const {config: {engine: _, ...config} = {}, ...others} = selection
  const engine = await createBridge({...others, config, profile: selection.profile ?? profile})
  if (engine.kind !== 'legacy') return engine
  const {fallback} = await engine.health()
  await engine.shutdown()
  const message = `only the legacy engine can run here: ${fallback?.reason ?? 'unknown reason'}`
  throw new NpuBridgeError('DEVICE_UNAVAILABLE', message, {
    suggestions: ['Install a runtime: npubridge setup', 'See what is missing: npubridge probe'],
  })
}

const COMPAT_MODULE = path.join(import.meta.dirname, '../../../native/python/bench/compat_module.py')

/**
 * Opens npubridge's Python package by the program that serves old modules, so that both are timed alike.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION when the Python that would run the old module does not have it
 */
export async function openCompat(): Promise<LegacyEngine> {
  try {
    return await createLegacyEngine({module: COMPAT_MODULE, sleep: false, restarts: 1})
  } catch (error) {
    const {message} = error as Error
    if (!message.includes("No module named 'npubridge")) throw error
    const [python] = pythonCommands(process.env)
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the Python package npubridge is not installed for ${python}`, {
      cause: error,
      suggestions: [`${python} -m pip install npubridge`, 'Name another Python: NPUBRIDGE_PYTHON=…'],
    })
  }
}
