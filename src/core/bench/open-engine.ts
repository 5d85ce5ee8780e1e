import type {DevicePreference, Engine} from '../engine/engine.ts'

import {createNativeEngine} from '../engine/native.ts'
import {resolvePaths} from '../paths.ts'
import {findRuntime} from '../runtime/discover.ts'
import {trustedDevices} from '../runtime/trusted.ts'

/** What the user asks the accelerated side to be. */
export interface EngineSelection {
  readonly device: DevicePreference
  readonly engine: 'auto' | 'native' | 'openvino-node'
  readonly runtime?: string
}

const PREFERENCE = ['NPU', 'GPU', 'CPU']

/** Opens the accelerated side. */
export async function openEngine({device, runtime}: EngineSelection): Promise<Engine> {
  const paths = resolvePaths()
  const {folder} = await findRuntime({explicit: runtime})
  const {devices} = await trustedDevices(folder)
  const wanted = device === 'auto' ? PREFERENCE : [device.toUpperCase()]
  const names = wanted.filter((name) => devices.some((found) => found.name.startsWith(name)))
  return createNativeEngine({
    cacheFolder: paths.cache,
    devices: names,
    modelsFolder: paths.models,
    runtimeFolder: folder,
  })
}
