/** Nodes as placement looks at them. */
import type {Announcement} from '../node/announcement.ts'
import type {Candidate} from './place.ts'

import {JOB_VERSION} from '../job/job.ts'
import {deviceKind} from '../lane/lane.ts'

/** @param own operations that this caller has under way, by node */
export function candidatesOf(
  nodes: readonly Announcement[],
  own: ReadonlyMap<string, number> = new Map(),
): Candidate[] {
  return nodes.map(({agents, capacity, devices, jobVersion, models, name, running, state}) => ({
    name,
    isOpen: state === 'ready' && jobVersion === JOB_VERSION,
    devices: new Set(devices.map((device) => deviceKind(device.name))),
    throttled: new Set(devices.filter(({thermal}) => thermal === 'throttled').map((device) => deviceKind(device.name))),
    models: new Set(models),
    agents: new Set(agents),
    capacity,
    // What is ours and running is counted once.
    load: Math.max(running, own.get(name) ?? 0) / capacity,
  }))
}
