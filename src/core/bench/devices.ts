/** The devices beside the one that the accelerated side runs on. */
import type {DevicePreference} from '../engine/engine.ts'
import type {DeviceKind, Participants} from './participants.ts'

import {trustedDevices} from '../runtime/trusted.ts'

/** In the order in which they are shown. */
const KINDS: readonly DeviceKind[] = ['npu', 'gpu', 'cpu']

/** Those that are here and worth a comparison; none where the user has chosen a device, or nothing runs at all. */
export async function otherDevices(participants: Participants, wanted: DevicePreference): Promise<DeviceKind[]> {
  if (wanted !== 'auto') return []
  try {
    const {performanceMode, runtime} = await (await participants.engine()).health()
    if (runtime === null) return []
    const {devices} = await trustedDevices(runtime.folder)
    return otherKinds(
      devices.map(({name}) => name),
      performanceMode,
    )
  } catch {
    // Why nothing runs is told where it should have run.
    return []
  }
}

/** Of devices as OpenVINO names them, such as `GPU.1`. */
export function otherKinds(names: readonly string[], used: string): DeviceKind[] {
  const found = new Set(names.map((name) => name.split('.', 1)[0]!.toLowerCase()))
  return KINDS.filter((kind) => found.has(kind) && kind !== used)
}
