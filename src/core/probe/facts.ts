/** Everything the checks judge, gathered once. */
import type {EngineState} from './effects.ts'
import type {ModelTest} from './functional-test.ts'
import type {Accelerator} from './inventory/accelerators.ts'
import type {Counters} from './inventory/counters.ts'
import type {Driver} from './inventory/driver.ts'
import type {Firmware} from './inventory/firmware.ts'
import type {Host} from './inventory/host.ts'
import type {LevelZero} from './inventory/level-zero.ts'
import type {NativeReadings} from './inventory/native.ts'
import type {DeviceNode} from './inventory/node.ts'
import type {OpenVino} from './inventory/openvino.ts'
import type {Packages} from './inventory/packages.ts'
import type {Reading} from './reading.ts'

export interface Facts {
  readonly host: Host
  readonly accelerators: readonly Accelerator[]
  /** The Intel NPU; null when there is none to be seen. */
  readonly npu: Accelerator | null
  /** Whether PCI devices can be seen at all. */
  readonly pciVisible: boolean
  readonly driver: Driver
  /** Null without an NPU: which file it would be is not known then. */
  readonly firmware: Firmware | null
  /** Null when the kernel shows no accelN for the NPU. */
  readonly node: DeviceNode | null
  /** Lines of the kernel's log that speak of the NPU. */
  readonly kernelLog: Reading<readonly string[]>
  readonly counters: Reading<Counters>
  readonly levelZero: LevelZero
  readonly packages: Packages
  readonly native: NativeReadings
  readonly openvino: OpenVino
  readonly engines: readonly EngineState[]
  /** Variables that change what driver and runtime do; null for an image. */
  readonly environment: Readonly<Record<string, string>> | null
  /** What came of running models; null when that was not asked for, or nothing can run. */
  readonly tests: readonly ModelTest[] | null
  /** What runtime, child processes and functional tests complained of. */
  readonly messages: readonly string[]
  /** With the variables of TRAPS removed OpenVINO lists an NPU that it does not list with them; null when not tried. */
  readonly trapSprung: boolean | null
}
