/** The device node of the NPU, and whether this process may really use it. */
import type {Entry, Root} from '../root.ts'
import type {Accelerator} from './accelerators.ts'

import {isValue, type Reading, valueOf} from '../reading.ts'

export interface DeviceNode {
  readonly path: string
  readonly entry: Reading<Entry>
  /** "root:render", numbers where names are unknown. */
  readonly owner: string | null
  /** Whether this process may read and write it, ACLs included. */
  readonly access: Reading<boolean>
  /** The group that owns it, and whether this user and this process are in it; null where that cannot be told. */
  readonly group: {readonly name: string; readonly listed: boolean | null; readonly active: boolean | null} | null
}

export function gatherNode(root: Root, npu: Accelerator): DeviceNode | null {
  if (!npu.name) return null
  const path = `/dev/accel/${npu.name}`
  const entry = root.entry(path)
  const status = valueOf(entry)
  return {
    path,
    entry,
    owner: status && `${nameOf(root, '/etc/passwd', status.uid)}:${nameOf(root, '/etc/group', status.gid)}`,
    access: isValue(entry) ? root.access(path) : entry,
    group: status && groupOf(root, status.gid),
  }
}

function groupOf(root: Root, gid: number): DeviceNode['group'] {
  const {user} = root.machine
  return {
    name: nameOf(root, '/etc/group', gid),
    listed: user?.memberOf.includes(gid) ?? null,
    active: user?.groups.includes(gid) ?? null,
  }
}

/** The name of a number in a file of passwd's form; the number itself when it has none. */
function nameOf(root: Root, file: string, id: number): string {
  const lines = (valueOf(root.text(file)) ?? '').split('\n').map((line) => line.split(':'))
  return lines.find((fields) => fields[2] === String(id))?.[0] || String(id)
}
