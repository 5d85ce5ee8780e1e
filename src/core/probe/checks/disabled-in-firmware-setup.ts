import type {Facts} from '../facts.ts'

import {type Check, fail, pass, skip, unknown, type Verdict} from './check.ts'

export const disabledInFirmwareSetup: Check = {
  id: 'disabled-in-firmware-setup',
  title: 'The NPU is enabled in the firmware set-up',
  explanation:
    'The processor should have an NPU, but no Intel accelerator is on the PCI bus. On most machines that means that the BIOS has it switched off, or is too old to switch it on; a few parts of the same processor model lack it.',
  needs: ['no-npu-in-processor'],
  detect: judge,
  remedy: () => [
    'enter the BIOS set-up at boot and enable "NPU", "AI Boost" or "VPU" (often under Advanced, CPU configuration)',
    'if there is no such entry, update the BIOS',
    'afterwards this must show a device: lspci -nn -d 8086::1200',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/54',
}

function judge({host, npu, pciVisible}: Facts): Verdict {
  if (npu) return pass('it is on the PCI bus')
  if (host.wsl || host.virtualMachine) return skip('a virtual machine sees only what its host passes on')
  if (!pciVisible) return unknown('no PCI devices can be seen here')
  const expected = host.processor?.expectedNpu
  if (!expected) return skip('this processor is not known to have an NPU')
  return fail(
    'This processor should have an NPU, but the BIOS does not show it.',
    `${host.processor.name} (${expected.product}) has no accelerator of vendor 8086 on its PCI bus`,
    expected.likely && 'a few parts of this model have no NPU; the data sheet of the exact processor tells',
  )
}
