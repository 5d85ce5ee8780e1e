/** What is known of the device that runs the accelerated side, beside what is measured. */
import {glob, readFile} from 'node:fs/promises'

import type {Health} from '../engine/engine.ts'
import type {Participants} from './participants.ts'

import {asNpuBridgeError} from '../errors.ts'
import {trustedDevices} from '../runtime/trusted.ts'

export interface DeviceFacts {
  /** The most operations per second, in units of 10¹²; null where nobody tells, with the reason. */
  readonly nominalTops: {readonly reason: string; readonly value: number | null}
  /** For how long the device has been busy so far, in microseconds; null where nobody tells. */
  readonly busyUs: () => Promise<number | null>
  readonly busyReason: string
}

/** The kernel counts this for Intel NPUs (Documentation/ABI of the driver intel_vpu). */
const NPU_BUSY = 'sys/class/accel/accel*/device/npu_busy_time_us'

/** Facts of the device that `health` says is used. */
export async function deviceFacts(health: Health, root = '/'): Promise<DeviceFacts> {
  const device = usedDevice(health)
  const file = device?.startsWith('NPU') ? await firstMatch(`${root}${NPU_BUSY}`) : null
  return {
    nominalTops: await nominalTops(health, device),
    busyUs: async () => (file === null ? null : Number(await readFile(file, 'utf8'))),
    busyReason: `the system does not tell for how long ${device ?? 'a device'} has been busy`,
  }
}

function usedDevice({devices}: Health): string | null {
  return devices.find(({state}) => state === 'available')?.name ?? null
}

/** The version of the driver of the device in use, by whichever property it tells it; null where it does not. */
export async function driverOf(health: Health): Promise<string | null> {
  const device = usedDevice(health)
  if (health.runtime === null || device === null) return null
  try {
    const {devices} = await trustedDevices(health.runtime.folder)
    const properties = Object.entries(devices.find(({name}) => name === device)?.properties ?? {})
    return properties.find(([name]) => name.endsWith('DRIVER_VERSION'))?.[1] ?? null
  } catch {
    return null
  }
}

async function firstMatch(pattern: string): Promise<string | null> {
  const first = await glob(pattern).next()
  return first.done ? null : first.value
}

async function nominalTops({runtime}: Health, device: string | null): Promise<DeviceFacts['nominalTops']> {
  if (runtime === null || device === null) return {value: null, reason: 'no device is in use'}
  try {
    const {devices} = await trustedDevices(runtime.folder)
    const text = devices.find(({name}) => name === device)?.properties.DEVICE_GOPS
    // Matrices are computed in FP16 where a device has it: that is the figure to compare with.
    const gops = halfPrecisionGops(text)
    if (gops !== null) return {value: gops / 1000, reason: ''}
    return {value: null, reason: `OpenVINO does not tell how many operations per second ${device} can do`}
  } catch (error) {
    return {value: null, reason: asNpuBridgeError(error).message}
  }
}

/** Of a property like `{f16: 5734.4, i8: 11468.8}`; null where it says nothing of f16, or zero. */
export function halfPrecisionGops(text: string | undefined): number | null {
  const value = Number(/\bf16\s*[:=]\s*([\d.]+)/.exec(text ?? '')?.[1] ?? 0)
  return value > 0 ? value : null
}

const UNKNOWN: DeviceFacts = {
  nominalTops: {value: null, reason: 'there is no engine'},
  busyUs: async () => null,
  busyReason: 'there is no engine',
}

/** Facts of the device of the accelerated side; nothing is known when there is none, and its failure is told elsewhere. */
export async function factsOf(participants: Participants): Promise<DeviceFacts> {
  try {
    const engine = await participants.engine('throughput')
    // The device is known once it is prepared.
    await engine.submit({type: 'initialize'})
    return await deviceFacts(await engine.health())
  } catch {
    return UNKNOWN
  }
}
