import type {DevicePreference, Engine} from '../engine/engine.ts'

import {createBridge} from '../bridge.ts'
import {NpuBridgeError} from '../errors.ts'

/** What the user asks the accelerated side to be. */
export interface EngineSelection {
  readonly device: DevicePreference
  readonly engine: 'auto' | 'native' | 'openvino-node'
  readonly runtime?: string
}

/**
 * Opens the accelerated side. What falls back on the old module is not accelerated: comparing that with itself would
 * tell nothing.
 *
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE with the reasons, and what createBridge throws
 */
export async function openEngine(selection: EngineSelection): Promise<Engine> {
  const engine = await createBridge(selection)
  if (engine.kind !== 'legacy') return engine
  const {fallback} = await engine.health()
  await engine.shutdown()
  const message = `only the legacy engine can run here: ${fallback?.reason ?? 'unknown reason'}`
  throw new NpuBridgeError('DEVICE_UNAVAILABLE', message, {
    suggestions: ['Install a runtime: npubridge setup', 'See what is missing: npubridge probe'],
  })
}
