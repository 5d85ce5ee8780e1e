/** Where an operation goes: a pure function of what it needs and of what the nodes say. */
import type {DevicePreference} from '../../engine/engine.ts'
import type {Requirement} from '../lane/lane.ts'

/** What placement looks at of a node; made once for each announcement, not for each operation. */
export interface Candidate {
  readonly name: string
  /** Whether it takes work at all: ready, seen lately, of a version that is understood. */
  readonly isOpen: boolean
  /** In the spelling of `--device`. */
  readonly devices: ReadonlySet<string>
  readonly throttled: ReadonlySet<string>
  readonly models: ReadonlySet<string>
  readonly agents: ReadonlySet<string>
  /** Operations that it has, those that this caller has just given it included, for each that it can run at once. */
  load: number
  readonly capacity: number
}

export interface Need {
  readonly device: DevicePreference
  readonly model?: string | undefined
  readonly agent?: string | undefined
  /** The node that has the stream of the operation. */
  readonly pinned?: string | undefined
}

export interface Placement {
  readonly requirement: Requirement
  /** Why, in a word for metrics and tests. */
  readonly reason: 'affinity' | 'agent' | 'pinned' | 'shared'
}

/** A node with the model is taken although another one is less busy by up to this share of its places. */
const AFFINITY_WORTH = 1
/** A node whose device is throttled counts as busier by this much. */
const THROTTLED_COST = 0.75
/** Whoever is free first takes it. */
const SHARED: Placement = {requirement: 'any', reason: 'shared'}

/**
 * @returns the lane that the operation goes to; undefined where no node can run it
 */
export function place(need: Need, nodes: readonly Candidate[]): Placement | undefined {
  const {agent, device, model, pinned} = need
  let best: Candidate | undefined
  let bestCost = Infinity
  let leastCost = Infinity
  let fitting = 0
  for (const node of nodes) {
    if (!node.isOpen || (device !== 'auto' && !node.devices.has(device))) continue
    if (agent !== undefined && !node.agents.has(agent)) continue
    if (node.name === pinned) return {requirement: {node: node.name}, reason: 'pinned'}
    fitting++
    const cost = node.load + (isThrottled(node, device) ? THROTTLED_COST : 0)
    if (cost < leastCost) leastCost = cost
    const isKnown = agent !== undefined || (model !== undefined && node.models.has(model))
    if (isKnown && cost < bestCost) {
      best = node
      bestCost = cost
    }
  }

  if (fitting === 0) return undefined
  if (best && agent !== undefined) return {requirement: {node: best.name}, reason: 'agent'}
  if (best && bestCost <= leastCost + AFFINITY_WORTH) return {requirement: {node: best.name}, reason: 'affinity'}
  return device === 'auto' ? SHARED : {requirement: {device}, reason: 'shared'}
}

/** Without a preference a node counts as throttled when its best device, the NPU, is. */
function isThrottled({devices, throttled}: Candidate, device: DevicePreference): boolean {
  if (throttled.size === 0) return false
  return throttled.has(device === 'auto' ? (devices.has('npu') ? 'npu' : devices.has('gpu') ? 'gpu' : 'cpu') : device)
}
