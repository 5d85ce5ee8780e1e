import type {DevicePreference, Engine, EngineKind} from './engine/engine.ts'

import {NpuBridgeError} from './errors.ts'

export interface BridgeOptions {
  readonly device?: DevicePreference
  readonly engine?: 'auto' | EngineKind
  readonly runtime?: string
  readonly legacyModule?: string
}

/** No engine is part of this build yet, so there is nothing to open. */
export async function createBridge(_options: BridgeOptions = {}): Promise<Engine> {
  throw new NpuBridgeError('DEVICE_UNAVAILABLE', 'this build of npubridge contains no engine')
}
