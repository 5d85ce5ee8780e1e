/** Energy, where the machine tells: of the processor package by RAPL, of an NPU by Intel PMT. Both need root. */
import {readFileSync} from 'node:fs'

import {gatherAccelerators} from '../probe/inventory/accelerators.ts'
import {LiveRoot, type Root} from '../probe/root.ts'
import {readTelemetry} from '../probe/telemetry.ts'

/** A counter of energy. */
export interface EnergyMeter {
  /** What it measures: other programs count, too. */
  readonly source: string
  /** Joules since some moment; null when it cannot be read now. */
  read(): null | number
  /** Joules between two readings; null where the counter cannot have done that. */
  between(earlier: null | number, later: null | number): null | number
}

/** Why there is no meter. */
export interface NoEnergy {
  readonly reason: string
}

const RAPL = '/sys/class/powercap/intel-rapl:0'
const JOULES_PER_UNIT = 1e-6

/** The meter for a device. */
export function energyMeter(
  device: string,
  readText: (file: string) => string = readFile,
  root: () => Root = () => new LiveRoot(),
): EnergyMeter | NoEnergy {
  return device.startsWith('NPU') ? pmt(root()) : rapl(readText)
}

function pmt(root: Root): EnergyMeter | NoEnergy {
  const npu = gatherAccelerators(root).find(({part}) => part !== null)
  if (npu === undefined) return {reason: 'this machine has no Intel NPU'}
  const {energyJoules, withoutSensors} = readTelemetry(root, npu)
  if (energyJoules === null) return {reason: withoutSensors ?? 'Intel PMT tells no energy'}
  return {
    source: 'Intel PMT, the NPU',
    read: () => readTelemetry(root, npu).energyJoules,
    // What goes backwards was reset in between.
    between: (earlier, later) => (earlier === null || later === null || later < earlier ? null : later - earlier),
  }
}

function rapl(readText: (file: string) => string): EnergyMeter | NoEnergy {
  const joules = (name: string) => {
    const text = readText(`${RAPL}/${name}`).trim()
    return /^\d+$/.test(text) ? Number(text) * JOULES_PER_UNIT : null
  }

  let range: null | number
  try {
    if (joules('energy_uj') === null) return {reason: `${RAPL}/energy_uj holds no number`}
    range = joules('max_energy_range_uj')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    return {reason: code === 'ENOENT' ? 'this machine has no RAPL' : `RAPL cannot be read (${code ?? String(error)})`}
  }

  return {
    source: 'RAPL, the whole processor package',
    read() {
      try {
        return joules('energy_uj')
      } catch {
        return null
      }
    },
    between(earlier, later) {
      if (earlier === null || later === null) return null
      if (later >= earlier) return later - earlier
      // The counter wraps; once at the most between two looks.
      return range !== null && range > earlier ? range - earlier + later : null
    },
  }
}

function readFile(file: string): string {
  return readFileSync(file, 'utf8')
}
