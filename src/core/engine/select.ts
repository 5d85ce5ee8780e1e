import type {DevicePreference, Engine, EngineKind, Fallback} from './engine.ts'

/**
 * Which engine runs, on which devices. The caller brings the candidates; here is only the order of preference, and that
 * nothing is passed over without a reason which the results then carry.
 */
import {asNpuBridgeError, type ErrorCode, NpuBridgeError} from '../errors.ts'

export type EnginePreference = 'auto' | EngineKind

/** What `auto` tries, the most wanted first. */
const DEVICE_ORDER = ['NPU', 'GPU', 'CPU'] as const
type Family = (typeof DEVICE_ORDER)[number]

/** The caller's own mistakes: another engine would not be the answer to them. */
const NOT_A_REASON: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'CONFIG_INVALID', 'INVALID_ARGUMENT'])

/** An engine or a device that was preferred and could not be had. */
export interface Rejection {
  /** `native`, `openvino-node`, `legacy`, or a device. */
  readonly candidate: string
  readonly reason: string
}

/** How a candidate is to be opened. */
export interface EngineChoice {
  /** OpenVINO devices in order of preference; empty for an engine that uses none. */
  readonly devices: readonly string[]
  readonly rejected: readonly Rejection[]
  /** The rejections as the results tell them; null when the first choice runs. */
  readonly fallback: Fallback | null
}

export interface EngineCandidate {
  readonly kind: EngineKind
  /** Names of the OpenVINO devices it can use, null when it runs on the processor without; rejects with the reason why it cannot run. */
  devices(): Promise<null | readonly string[]>
  create(choice: EngineChoice): Promise<Engine>
}

export interface Preferences {
  readonly device: DevicePreference
  readonly engine: EnginePreference
}

export interface Selection {
  readonly engine: Engine
  readonly choice: EngineChoice
}

/**
 * Opens the first candidate, in their order, that has what is asked for. A device or engine that is named is no wish: it
 * is opened or the call fails.
 *
 * @throws {NpuBridgeError} the candidate's own error for an engine that is named; DEVICE_UNAVAILABLE with every reason
 *   when nothing can be opened; mistakes of the caller as they are
 */
export async function selectEngine(
  preferences: Preferences,
  candidates: readonly EngineCandidate[],
): Promise<Selection> {
  const {device, engine} = preferences
  const rejected: Rejection[] = []
  const failures: NpuBridgeError[] = []
  for (const candidate of candidates) {
    if (engine !== 'auto' && candidate.kind !== engine) continue
    try {
      const choice = await choose(candidate, device, rejected)
      return {choice, engine: await candidate.create(choice)}
    } catch (error) {
      const failure = asNpuBridgeError(error)
      if (engine !== 'auto' || NOT_A_REASON.has(failure.code)) throw failure
      rejected.push({candidate: candidate.kind, reason: reasonOf(failure)})
      failures.push(failure)
    }
  }

  throw nothingLeft(device, rejected, failures)
}

async function choose(
  candidate: EngineCandidate,
  device: DevicePreference,
  before: readonly Rejection[],
): Promise<EngineChoice> {
  const available = await candidate.devices()
  if (available === null) {
    if (device === 'gpu' || device === 'npu')
      throw unavailable(device, `the ${candidate.kind} engine runs on the processor only`)
    return {devices: [], fallback: fallbackOf(before, candidate.kind), rejected: before}
  }

  const wanted = device === 'auto' ? DEVICE_ORDER : [device.toUpperCase() as Family]
  const devices = wanted.flatMap((family) => available.filter((name) => familyOf(name) === family))
  const [first] = devices
  if (first === undefined) throw unavailable(device, `the ${candidate.kind} engine has ${listed(available)}`)
  const missing = wanted.slice(0, wanted.indexOf(familyOf(first) as Family))
  const rejected = [
    ...before,
    ...missing.map((family) => ({candidate: family, reason: `OpenVINO lists only ${listed(available)}`})),
  ]
  return {devices, fallback: fallbackOf(rejected, before.length > 0 ? candidate.kind : first), rejected}
}

/** The first line of what happened, without a full stop: it becomes part of a sentence. */
function reasonOf({message}: NpuBridgeError): string {
  return message.split('\n', 1)[0]!.replace(/\.$/, '')
}

/** `GPU` for `GPU.1`: OpenVINO numbers devices of which there are several. */
function familyOf(device: string): string {
  return device.split('.', 1)[0]!
}

function fallbackOf(rejected: readonly Rejection[], to: string): Fallback | null {
  const [first] = rejected
  if (!first) return null
  return {
    from: first.candidate,
    to,
    reason: rejected.map(({candidate, reason}) => `${candidate}: ${reason}`).join('; '),
  }
}

function listed(devices: readonly string[]): string {
  return devices.length === 0 ? 'no device' : devices.join(', ')
}

function unavailable(device: DevicePreference, why: string): NpuBridgeError {
  const what = device === 'auto' ? 'there is no device' : `there is no ${device.toUpperCase()}`
  return new NpuBridgeError('DEVICE_UNAVAILABLE', `${what}: ${why}`, {
    suggestions: ['npubridge probe    tells what stands in the way', 'Take what there is: --device auto'],
  })
}

function nothingLeft(
  device: DevicePreference,
  rejected: readonly Rejection[],
  failures: readonly NpuBridgeError[],
): NpuBridgeError {
  const where = device === 'auto' ? 'here' : `on ${device.toUpperCase()}`
  const reasons = rejected.map(({candidate, reason}) => `\n  ${candidate}: ${reason}`).join('')
  return new NpuBridgeError('DEVICE_UNAVAILABLE', `no engine can run ${where}:${reasons}`, {
    cause: failures[0],
    suggestions: [...new Set(failures.flatMap(({suggestions}) => suggestions))],
  })
}
