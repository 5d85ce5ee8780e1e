/** What the probe asks of the world beside files; tests put fakes here, the command the real ones of live.ts. */
import type {EngineKind} from '../engine/engine.ts'
import type {ModelTest} from './functional-test.ts'
import type {Accelerator} from './inventory/accelerators.ts'
import type {NativeReadings} from './inventory/native.ts'

export interface RuntimeCandidate {
  readonly folder: string
  readonly library: string | null
  readonly source: string
  readonly version: string | null
  /** Why it cannot be used; null when nothing speaks against it. */
  readonly problem: string | null
}

export interface RuntimeDevice {
  readonly name: string
  readonly fullName: string | null
  readonly properties: Readonly<Record<string, string>>
  /** Properties that the device refused, with its reason. */
  readonly unreadable: Readonly<Record<string, string>>
}

export interface RuntimeReport {
  readonly version: string
  readonly folder: string
  readonly devices: readonly RuntimeDevice[]
}

/** An engine that could run operations, or why it cannot. */
export interface EngineState {
  readonly kind: EngineKind
  readonly available: boolean
  /** What was found ("Python 3.12.1 at …"), or the reason it is not available. */
  readonly detail: string
}

export interface InspectOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Environment variables to leave out. */
  readonly without?: readonly string[]
}

export interface ProbeEffects {
  /** OpenVINO installations in order of preference. */
  discoverRuntimes(): Promise<readonly RuntimeCandidate[]>
  /** Loads a runtime in a child process and lists its devices; rejects with what went wrong there. */
  inspectRuntime(folder: string, options: InspectOptions): Promise<RuntimeReport>
  /** Asks Level Zero, and the kernel through `node` if there is one, in a child process; never rejects. */
  readNative(node: string | null, options: InspectOptions): Promise<NativeReadings>
  /** Accelerators of a system without sysfs; absent on Linux and for files. */
  findAccelerators?(): Promise<readonly Accelerator[]>
  /** Runs models on devices of a runtime, each in a child process; absent where nothing can run. Never rejects. */
  testDevices?(runtime: string, devices: readonly string[], signal?: AbortSignal): Promise<readonly ModelTest[]>
  /** What a recording found out about variables that hide the NPU; a live probe tries it itself. */
  readonly trapSprung?: boolean | null
  /** The three engines in order of preference. */
  findEngines(): Promise<readonly EngineState[]>
}
