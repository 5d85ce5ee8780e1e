/**
 * What the native engine needs, loaded when it is first asked for: where its binary or a runtime is missing, that is a
 * reason to take another engine and none to fail at import.
 */
import type {Engine} from './engine/engine.ts'
import type {NativeEngineOptions} from './engine/native.ts'

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
  createNativeEngine(options: NativeEngineOptions): Promise<Engine>
}

export const nativeParts: NativeParts = {
  async checkBinding() {
    const {loadBinding} = await import('./engine/binding.ts')
    loadBinding()
  },
  async findRuntime(options) {
    return (await import('./runtime/discover.ts')).findRuntime(options)
  },
  async trustedDevices(folder, options) {
    return (await import('./runtime/trusted.ts')).trustedDevices(folder, options)
  },
  async createNativeEngine(options) {
    return (await import('./engine/native.ts')).createNativeEngine(options)
  },
}
