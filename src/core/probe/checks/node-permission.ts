import type {Facts} from '../facts.ts'
import type {DeviceNode} from '../inventory/node.ts'

import {isValue} from '../reading.ts'
import {type Check, fail, pass, skip, unknown, type Verdict} from './check.ts'

export const nodePermission: Check = {
  id: 'node-permission',
  title: 'This user may open the device node',
  explanation:
    'The node belongs to root and the group render, and only they may open it. A new group membership counts from the next login on. An access list on the node may grant it too, which is why the kernel is asked instead of the group file.',
  needs: ['node-missing'],
  detect: judge,
  remedy: (distribution, {host, node}) => fixes(distribution === 'nixos', host.container !== null, node),
  source: 'https://github.com/intel/linux-npu-driver/issues/82',
}

function judge({node}: Facts): Verdict {
  if (!node || !isValue(node.entry)) return skip('there is no device node to open')
  if (!isValue(node.access)) return unknown(node.access.detail)
  const mode = `mode 0${node.entry.value.mode.toString(8)}`
  if (node.access.value) return pass(`${node.path} of ${node.owner}, ${mode}`)
  return fail(
    'NPU found, but this user may not open it.',
    `${node.path} belongs to ${node.owner} (${mode}) ${membership(node)}`,
  )
}

function membership({group}: DeviceNode): string {
  if (group?.active) return 'and you are in that group, but the mode does not let it in'
  if (group?.listed) return 'and you are in that group, but not yet in this session'
  return group?.active === false ? 'and you are not in that group' : 'and your groups are not known'
}

function fixes(isNixos: boolean, isContainer: boolean, node: DeviceNode | null): string[] {
  const group = node?.group?.name ?? 'render'
  if (isContainer) return [`start the container with: --group-add "$(getent group ${group} | cut -d: -f3)"`]
  if (node?.group?.active) return [`sudo chmod g+rw ${node.path}`, 'and look for the udev rule that takes it away']
  if (node?.group?.listed) return ['log out and in again']
  if (isNixos) return [`add "${group}" to users.users.<name>.extraGroups, rebuild, and log in again`]
  if (group === 'root')
    return [
      'let udev give it to the group render: KERNEL=="accel*", GROUP="render", MODE="0660"',
      'sudo usermod -aG render "$USER"   then log in again',
    ]
  return [`sudo usermod -aG ${group} "$USER"   then log in again`]
}
