/**
 * Live values of an Intel NPU, from the driver's sysfs attributes and from Intel PMT (root only). Every value is null
 * where this kernel, this part or this user does not have it; nothing is guessed.
 */
import type {Accelerator} from './inventory/accelerators.ts'
import type {Root} from './root.ts'

import {isDenied, isValue, valueOf, wordOf} from './reading.ts'

/** One reading. Not more than one a second: reading the busy time talks to the firmware. */
export interface TelemetrySample {
  /** Monotonic milliseconds. */
  readonly at: number
  /** Time with jobs in the firmware since the driver was loaded, in microseconds. */
  readonly busyUs: number | null
  /** 0 while the NPU is suspended. */
  readonly frequencyMhz: number | null
  readonly maxFrequencyMhz: number | null
  /** System memory in the NPU's buffers, in bytes. */
  readonly memoryBytes: number | null
  /** The kernel's word: active, suspended, … */
  readonly power: string | null
  readonly temperatureCelsius: number | null
  /** Energy used since boot, in joules. */
  readonly energyJoules: number | null
  /** Why temperature and energy are not there; null when they are. */
  readonly withoutSensors: string | null
}

/** What two samples tell together. */
export interface TelemetryRate {
  /** Share of the time with jobs in the firmware, 0 to 1. */
  readonly utilisation: number | null
  readonly powerWatts: number | null
}

export function readTelemetry(root: Root, npu: Accelerator, at: number = performance.now()): TelemetrySample {
  const folder = npu.name ? `/sys/class/accel/${npu.name}/device` : `/sys/bus/pci/devices/${npu.address}`
  const number = (name: string) => wholeNumber(wordOf(root.text(`${folder}/${name}`)))
  return {
    at,
    busyUs: number('npu_busy_time_us'),
    frequencyMhz: number('npu_current_frequency_mhz'),
    maxFrequencyMhz: number('npu_max_frequency_mhz'),
    memoryBytes: number('npu_memory_utilization'),
    power: wordOf(root.text(`${folder}/power/runtime_status`)),
    ...readSensors(root),
  }
}

export function rateBetween(earlier: TelemetrySample, later: TelemetrySample): TelemetryRate {
  const seconds = (later.at - earlier.at) / 1000
  const busy = difference(earlier.busyUs, later.busyUs, seconds)
  return {
    utilisation: busy === null ? null : Math.min(1, busy / 1e6),
    powerWatts: difference(earlier.energyJoules, later.energyJoules, seconds),
  }
}

/** The change a second of a counter; null when it is missing or was reset in between. */
function difference(earlier: number | null, later: number | null, seconds: number): number | null {
  if (earlier === null || later === null || later < earlier || seconds <= 0) return null
  return (later - earlier) / seconds
}

function wholeNumber(word: string | null): number | null {
  return word !== null && /^\d{1,15}$/.test(word) ? Number(word) : null
}

interface SensorOffsets {
  readonly energy: number
  readonly temperatures: number
}

const METEOR_LAKE = {energy: 0x6_28, temperatures: 0x98}

/** Byte offsets in the telemetry region of each SoC, by its guid: Intel-PMT's XML files and intel/linux-npu-driver. */
const SENSORS: Readonly<Record<string, SensorOffsets>> = {
  '0x130670b2': METEOR_LAKE,
  '0x1306a0b2': METEOR_LAKE,
  '0x1306a0b3': METEOR_LAKE,
  '0x1306a0b4': METEOR_LAKE,
  '0x3072005': {energy: 0x5_d0, temperatures: 0x70},
  '0x3086000': {energy: 0x6_70, temperatures: 0x78},
  '0x308d000': {energy: 0x6_70, temperatures: 0x78},
}

const PMT = '/sys/class/intel_pmt'
const WORD = 8
/** The NPU's byte among the SoC's temperatures, in °C. */
const TEMPERATURE_BYTE = 5
/** Energy is a 64-bit fixed-point number of joules with 14 bits of fraction. */
const ENERGY_FRACTION = 1 << 14

type Sensors = Pick<TelemetrySample, 'energyJoules' | 'temperatureCelsius' | 'withoutSensors'>

function readSensors(root: Root): Sensors {
  const regions = (valueOf(root.list(PMT)) ?? []).filter((name) => name.startsWith('telem'))
  for (const region of regions) {
    const offsets = SENSORS[wordOf(root.text(`${PMT}/${region}/guid`))?.toLowerCase() ?? '']
    if (offsets) return readRegion(root, `${PMT}/${region}/telem`, offsets)
  }

  return {energyJoules: null, temperatureCelsius: null, withoutSensors: 'this system has no known PMT region'}
}

function readRegion(root: Root, file: string, offsets: SensorOffsets): Sensors {
  const bytes = root.bytes(file, 0, offsets.energy + WORD)
  if (!isValue(bytes) || bytes.value.length < offsets.energy + WORD) {
    const reason = isDenied(bytes) ? 'needs root' : `${file} cannot be read`
    return {energyJoules: null, temperatureCelsius: null, withoutSensors: reason}
  }

  return {
    energyJoules: Number(bytes.value.readBigUInt64LE(offsets.energy)) / ENERGY_FRACTION,
    temperatureCelsius: bytes.value.readUInt8(offsets.temperatures + TEMPERATURE_BYTE),
    withoutSensors: null,
  }
}
