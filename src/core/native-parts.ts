/**
 * What the native engine needs, loaded when it is first asked for: where its binary or a runtime is missing, that is a
 * reason to take another engine and none to fail at import.
 */
import path from 'node:path'

import type {Engine} from './engine/engine.ts'

/** An OpenVINO runtime that nothing speaks against. */
export interface FoundRuntime {
  readonly folder: string
}

/** What a child process found out about the devices of a runtime. */
export interface TrustedReport {
  readonly devices: ReadonlyArray<{readonly name: string}>
  /** What came of running a tiny model on each device, where that was tried. */
  readonly tests?: ReadonlyArray<{readonly device: string; readonly ok: boolean}> | undefined
}

export interface NativeParts {
  /** Rejects with the reason when the binary cannot be loaded. */
  checkBinding(): Promise<void>
  findRuntime(options: {explicit?: string | undefined}): Promise<FoundRuntime>
  trustedDevices(folder: string, options: {signal?: AbortSignal | undefined}): Promise<TrustedReport>
  createNativeEngine(options: {
    readonly runtimeFolder: string
    readonly devices: readonly string[]
    readonly rejected: ReadonlyArray<{readonly candidate: string; readonly reason: string}>
    readonly modelsFolder: string
    readonly cacheFolder: string
    readonly profile: 'efficiency' | 'latency' | 'throughput'
    readonly queue?: {readonly capacity?: number}
  }): Promise<Engine>
}

type Loaded<Name extends keyof NativeParts> = Pick<NativeParts, Name>

export const nativeParts: NativeParts = {
  async checkBinding() {
    const {loadBinding} = await load<{loadBinding(): unknown}>('engine/binding')
    loadBinding()
  },
  async findRuntime(options) {
    return (await load<Loaded<'findRuntime'>>('runtime/discover')).findRuntime(options)
  },
  async trustedDevices(folder, options) {
    return (await load<Loaded<'trustedDevices'>>('runtime/trusted')).trustedDevices(folder, options)
  },
  async createNativeEngine(options) {
    return (await load<Loaded<'createNativeEngine'>>('engine/native')).createNativeEngine(options)
  },
}

/** A module of this folder, compiled or not as this one is. */
async function load<T>(name: string): Promise<T> {
  return (await import(`./${name}${path.extname(import.meta.filename)}`)) as T
}
