/** What only native code can ask: the Level Zero loader and driver, and the kernel driver's parameters. */
import type {ErrorReport} from '../../errors.ts'

export interface LevelZeroDriver {
  /** As the driver counts it: for the NPU's, seconds since 1970 of its build. */
  readonly version: number
  readonly api: string
  readonly devices: ReadonlyArray<{readonly name: string; readonly type: string; readonly id: string}>
}

/** What happened when the loader was loaded and initialised. */
export interface LevelZeroProbe {
  readonly loaderPath: string | null
  readonly loaderVersion: string | null
  /** "success", or the name of the ZE_RESULT with its code. */
  readonly initResult: string
  readonly drivers: readonly LevelZeroDriver[]
}

/** DRM_IOCTL_IVPU_GET_PARAM, by name; a parameter that the kernel does not know is absent. */
export interface NpuParameters {
  readonly coreClockHz?: number
  readonly contexts?: number
  /** A set bit is a disabled tile. */
  readonly tileConfig?: number
  readonly sku?: number
  readonly platformType?: number
  readonly revision?: number
  readonly capabilities?: number
}

export interface NativeReadings {
  readonly levelZero: LevelZeroProbe | null
  readonly parameters: NpuParameters | null
  /** Why the node could not be opened, as an errno name: EMFILE when the device's contexts are used up. */
  readonly openError: string | null
  /** What became of the child process; null when it answered. */
  readonly failure: ErrorReport | null
}

export const NO_READINGS: NativeReadings = {levelZero: null, parameters: null, openError: null, failure: null}
