import type {Facts} from '../facts.ts'

import {valueOf} from '../reading.ts'
import {type Check, fail, pass, skip, type Verdict} from './check.ts'

export const nodeUnsuitable: Check = {
  id: 'node-unsuitable',
  title: 'The device node is one that the driver takes',
  explanation:
    'The user-mode driver refuses a node that is a symbolic link, has several names (hard links), or belongs to another kernel driver. Containers and hand-made /dev folders have such nodes.',
  needs: ['node-missing'],
  detect: judge,
  remedy: (_, {node, npu}) => [
    `sudo rm ${node?.path ?? '/dev/accel/accel0'}`,
    npu?.node
      ? `sudo mknod ${node?.path} c ${npu.node.replace(':', ' ')}   or: sudo udevadm trigger --subsystem-match=accel`
      : 'sudo udevadm trigger --subsystem-match=accel',
    'in a container: pass the real node with --device instead of a bind mount or a link',
  ],
  source: 'https://github.com/intel/linux-npu-driver/blob/main/umd/vpu_driver/source/os_interface/vpu_driver_api.cpp',
}

function judge({node, npu}: Facts): Verdict {
  const entry = node && valueOf(node.entry)
  if (!npu || !entry) return skip('there is no device node to judge')
  const headline = 'The device node is not one that the NPU driver takes.'
  if (npu.driver !== null && npu.driver !== 'intel_vpu') return fail(headline, `its kernel driver is ${npu.driver}`)
  if (entry.kind === 'link') return fail(headline, `${node.path} is a symbolic link`)
  if (entry.kind !== 'character') return fail(headline, `${node.path} is no character device (${entry.kind})`)
  if (entry.links > 1) return fail(headline, `${node.path} has ${entry.links} names (hard links)`)
  if (npu.node && entry.device !== npu.node)
    return fail(headline, `${node.path} is device ${entry.device}, the NPU is ${npu.node}`)
  return pass(`${node.path} is device ${entry.device}`)
}
