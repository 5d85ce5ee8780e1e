/** Lanes: BullMQ queues by what an operation requires, each twice, so that urgent work has places of its own. */
import type {DevicePreference, Priority} from '../../engine/engine.ts'

/** What a lane requires of those that read it: a device, or to be one node. */
export type Requirement = 'any' | {readonly node: string} | {readonly device: Exclude<DevicePreference, 'auto'>}

export const LANE_DEVICES = ['npu', 'gpu', 'cpu'] as const

const URGENT: ReadonlySet<Priority> = new Set(['critical', 'realtime'])
/** No name of a node has this character, so no lane of one is taken for another's. */
const URGENT_SUFFIX = '@urgent'
const NODE_PREFIX = 'node.'

/** BullMQ runs low numbers first, and 0, which is what a job without one has, before all of them. */
const BULLMQ_PRIORITY: Readonly<Record<Priority, number>> = {realtime: 1, critical: 2, high: 3, normal: 4, low: 5}

export function bullmqPriority(priority: Priority): number {
  return BULLMQ_PRIORITY[priority]
}

/** The name of the queue for a requirement and a priority. */
export function laneFor(requirement: Requirement, priority: Priority): string {
  const [usual, urgent] = lanesFor(requirement)
  return URGENT.has(priority) ? urgent : usual
}

/** Both lanes of a requirement: the usual one, and the urgent one. */
export function lanesFor(requirement: Requirement): readonly [usual: string, urgent: string] {
  const name = nameOf(requirement)
  return [name, `${name}${URGENT_SUFFIX}`]
}

export function isUrgent(lane: string): boolean {
  return lane.endsWith(URGENT_SUFFIX)
}

/** Whether a node with these devices, in the spelling of `--device`, reads a lane. */
export function readsLane(node: string, devices: ReadonlySet<string>, lane: string): boolean {
  const name = isUrgent(lane) ? lane.slice(0, -URGENT_SUFFIX.length) : lane
  return name === 'any' || name === `${NODE_PREFIX}${node}` || devices.has(name)
}

function nameOf(requirement: Requirement): string {
  if (requirement === 'any') return 'any'
  return 'node' in requirement ? `${NODE_PREFIX}${requirement.node}` : requirement.device
}

/** Every lane that does not belong to one node. */
export function sharedLanes(): string[] {
  return [lanesFor('any'), ...LANE_DEVICES.map((device) => lanesFor({device}))].flat()
}

/** The requirements that a worker with these OpenVINO devices can meet, its own lane first. */
export function requirementsOf(node: string, devices: readonly string[]): Requirement[] {
  const kinds = LANE_DEVICES.filter((kind) => devices.some((device) => deviceKind(device) === kind))
  return [{node}, 'any', ...kinds.map((device) => ({device}))]
}

/** `NPU` of `NPU.0`, in the spelling of `--device`. */
export function deviceKind(device: string): string {
  return device.split('.', 1)[0]!.toLowerCase()
}
