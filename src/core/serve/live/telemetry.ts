/** The telemetry of this machine's NPU, read once a second at most: each reading talks to its firmware. */
import type {Telemetry} from '../../dashboard/live.ts'
import type {Root} from '../../probe/root.ts'

import {gatherAccelerators} from '../../probe/inventory/accelerators.ts'
import {rateBetween, readTelemetry, type TelemetrySample} from '../../probe/telemetry.ts'

export class NpuTelemetry {
  readonly #root: Root
  readonly #npu: ReturnType<typeof gatherAccelerators>[number] | undefined
  #before: TelemetrySample | undefined

  constructor(root: Root) {
    this.#root = root
    this.#npu = gatherAccelerators(root).find(({part}) => part !== null)
  }

  /** Null without an Intel NPU. */
  read(): Telemetry | null {
    if (!this.#npu) return null
    const sample = readTelemetry(this.#root, this.#npu)
    const rate = this.#before ? rateBetween(this.#before, sample) : {powerWatts: null, utilisation: null}
    this.#before = sample
    const {frequencyMhz, maxFrequencyMhz, memoryBytes, power, temperatureCelsius, withoutSensors} = sample
    return {
      ...rate,
      frequencyMhz,
      maxFrequencyMhz,
      memoryBytes,
      temperatureCelsius,
      power,
      reason: withoutSensors,
    }
  }
}
