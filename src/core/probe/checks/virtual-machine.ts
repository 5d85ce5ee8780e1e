import type {Facts} from '../facts.ts'

import {valueOf} from '../reading.ts'
import {type Check, fail, pass, unknown, type Verdict} from './check.ts'

export const virtualMachine: Check = {
  id: 'virtual-machine',
  title: 'No virtual machine stands between system and NPU',
  explanation:
    'A virtual machine sees an NPU only when the host gives the PCI device away with vfio-pci, and even then the firmware often fails to boot in it (error -110). On a host whose NPU is bound to vfio-pci, the host itself cannot use it.',
  needs: ['no-npu-in-processor', 'wsl'],
  detect: judge,
  remedy: (_, {npu}) =>
    npu?.driver === 'vfio-pci'
      ? [
          `echo ${npu.address} | sudo tee /sys/bus/pci/drivers/vfio-pci/unbind`,
          `echo ${npu.address} | sudo tee /sys/bus/pci/drivers/intel_vpu/bind`,
          'remove its id from vfio-pci.ids in the kernel parameters or in /etc/modprobe.d',
        ]
      : [
          'run on the host instead of in the virtual machine',
          'or pass the PCI device 0000:00:0b.0 of the host through',
        ],
  source: 'https://github.com/intel/linux-npu-driver/issues/46',
}

function judge({host, kernelLog, npu}: Facts): Verdict {
  if (npu?.driver === 'vfio-pci')
    return fail('The NPU is given away to virtual machines.', `${npu.address} is bound to vfio-pci, not to intel_vpu`)
  if (!host.processor) return unknown('whether there is a hypervisor is not known')
  if (!host.virtualMachine) return pass('the processor reports no hypervisor')
  if (!npu) {
    return fail(
      'This virtual machine does not get the NPU of its host.',
      'the processor reports a hypervisor, and no NPU is on the PCI bus',
    )
  }

  const boot = (valueOf(kernelLog) ?? []).find((line) => line.includes('Failed to boot the firmware: -110'))
  return boot ? fail('The NPU does not start in this virtual machine.', boot) : pass('the host passes the NPU through')
}
