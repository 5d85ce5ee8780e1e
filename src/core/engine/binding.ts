import {createRequire} from 'node:module'

import {NpuBridgeError} from '../errors.ts'

/** What the native addon exports. Functions throw errors that have `code`. */
export interface NativeBinding {
  /** Loads the runtime in `folder`; JSON of its version, folder and devices. */
  inspectRuntime(folder: string): string
  /** Compiles and runs a tiny model on `device`; JSON of `{device, ok, computeUs}`. */
  testDevice(folder: string, device: string): string
  /** Reads a model without compiling it; JSON of `{inputs, outputs}`, each `{name, datatype, shape}`. */
  describeModel(folder: string, modelPath: string): string
}

/**
 * The native addon.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION when it is not there or does not load
 */
export function loadBinding(): NativeBinding {
  try {
    return createRequire(import.meta.url)('../../../native/node/binding.cjs') as NativeBinding
  } catch (error) {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'The native engine of npubridge is not there.', {
      cause: error,
      suggestions: ['Build it: npm run build:native'],
    })
  }
}
