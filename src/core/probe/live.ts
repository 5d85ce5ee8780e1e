/** The real effects of the probe on this machine. */
import path from 'node:path'

import type {ProbeEffects, RuntimeCandidate, RuntimeReport} from './effects.ts'

import {findEngines} from './engines.ts'
import {readNative} from './native.ts'

interface DiscoverModule {
  discoverRuntimes(options: {explicit?: string}): Promise<readonly RuntimeCandidate[]>
}

interface InspectModule {
  inspectRuntime(folder: string, options: {timeoutMs: number; signal?: AbortSignal}): Promise<RuntimeReport>
}

interface BindingModule {
  loadBinding(): unknown
}

export function liveEffects(options: {runtime?: string; signal?: AbortSignal} = {}): ProbeEffects {
  return {
    async discoverRuntimes() {
      const {discoverRuntimes} = await part<DiscoverModule>('../runtime/discover')
      return discoverRuntimes({...(options.runtime && {explicit: options.runtime})})
    },
    async inspectRuntime(folder, inspectOptions) {
      const {inspectRuntime} = await part<InspectModule>('../runtime/inspect')
      return inspectRuntime(folder, inspectOptions)
    },
    readNative,
    async findEngines() {
      const load = async () => (await part<BindingModule>('../engine/binding')).loadBinding()
      return findEngines(load, options.signal)
    },
  }
}

/** Loaded when needed, so that `--help` and a snapshot stay free of native code. */
async function part<T>(module: string): Promise<T> {
  const file = new URL(`${module}${path.extname(import.meta.url)}`, import.meta.url)
  return import(file.href) as Promise<T>
}
