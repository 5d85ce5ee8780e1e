import type {Facts} from '../facts.ts'

import {isValue} from '../reading.ts'
import {type Check, fail, pass, skip, unknown, type Verdict} from './check.ts'

export const nodeMissing: Check = {
  id: 'node-missing',
  title: 'The device node exists',
  explanation:
    'Programs reach the NPU through /dev/accel/accelN. A container sees the NPU in /sys but gets the node only when it is started with it; elsewhere udev makes it.',
  needs: ['driver-probe-failed'],
  detect: judge,
  remedy: (_, {host}) =>
    host.container
      ? ['start the container with: --device /dev/accel --group-add "$(getent group render | cut -d: -f3)"']
      : [
          'sudo udevadm trigger --subsystem-match=accel',
          'if that does not help: sudo modprobe -r intel_vpu && sudo modprobe intel_vpu',
        ],
  source: 'https://github.com/openvinotoolkit/openvino/issues/24496',
}

function judge({host, node, npu}: Facts): Verdict {
  if (!npu || !node) return skip('the kernel shows no accelerator of the NPU')
  if (isValue(node.entry)) return pass(node.path)
  if (node.entry.unreadable !== 'absent') return unknown(node.entry.detail)
  const seen = `the kernel shows ${npu.name}, but there is no ${node.path}`
  return host.container
    ? fail('The NPU is there, but was not given to this container.', seen, `the container is run by ${host.container}`)
    : fail('The NPU has no device node.', seen)
}
