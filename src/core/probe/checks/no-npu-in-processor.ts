import type {Facts} from '../facts.ts'

import {type Check, fail, pass, unknown, type Verdict} from './check.ts'

export const noNpuInProcessor: Check = {
  id: 'no-npu-in-processor',
  title: 'The processor has an NPU',
  explanation:
    'Intel builds an NPU into Core Ultra processors from Meteor Lake (2023) on and into their successors; no Xeon, no earlier Core and no processor of another maker has one. Nothing can be installed to change that: operations run on the GPU or CPU instead.',
  needs: [],
  detect: judge,
  remedy: () => [
    'nothing to fix: the CPU and GPU devices of OpenVINO work without an NPU',
    'for an NPU: a machine with an Intel Core Ultra processor (Meteor, Arrow, Lunar, Panther or Wildcat Lake)',
  ],
  source: 'https://github.com/torvalds/linux/blob/master/drivers/accel/ivpu/ivpu_drv.h',
}

function judge({host, npu}: Facts): Verdict {
  if (npu) return pass(`${npu.product} (${npu.vendor}:${npu.device}) at ${npu.address}`)
  const {architecture, platform, processor} = host
  if (platform === 'darwin') return fail('No Mac has an NPU that OpenVINO can use.', 'OpenVINO drives Intel NPUs alone')
  if (!processor && architecture?.startsWith('arm'))
    return fail('This processor has no NPU that OpenVINO can use.', `its architecture is ${architecture}, not x86-64`)
  if (!processor) return unknown('/proc/cpuinfo does not say which processor this is')
  const {expectedNpu, family, masked, model, name} = processor
  const where = `${name}, family ${family} model ${model}`
  if (expectedNpu) {
    const doubt = expectedNpu.likely ? ', though not every part of this model does' : ''
    return pass(`${where} should have the NPU of ${expectedNpu.product}${doubt}`)
  }

  if (masked) return unknown(`the hypervisor shows a generic processor (${where})`)
  return fail(
    'There is no NPU in this processor.',
    `${where} is not among the processors with an NPU, and no NPU is on the PCI bus`,
    host.virtualMachine && 'this is a virtual machine too, which would need the NPU passed through to it',
  )
}
