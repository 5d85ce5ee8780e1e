import type {Facts} from '../facts.ts'

import {isAtLeast} from '../versions.ts'
import {type Check, fail, NPU_IN_SIGHT, pass, skip, unknown, type Verdict} from './check.ts'
import {upgradeKernel} from './remedies.ts'

export const kernelTooOld: Check = {
  id: 'kernel-too-old',
  title: 'The kernel knows this NPU',
  explanation:
    'Each NPU generation became known to the driver intel_vpu with a certain kernel. An older kernel sees a PCI device that nothing claims.',
  needs: [...NPU_IN_SIGHT],
  detect: judge,
  remedy: (distribution, {driver, npu}) => [
    ...(npu?.part && driver.knowsId === null ? [`kernel ${npu.part.kernel} or newer is needed`] : []),
    ...upgradeKernel(distribution),
  ],
  source: 'https://github.com/torvalds/linux/blob/master/drivers/accel/ivpu/ivpu_drv.c',
}

function judge({driver, host, npu}: Facts): Verdict {
  if (!npu?.part) return skip('no NPU to be seen')
  if (npu.driver === 'intel_vpu') return pass('intel_vpu is bound to it')
  if (driver.knowsId) return pass(`intel_vpu of this kernel lists ${npu.vendor}:${npu.device}`)
  const {kernel} = host
  if (!kernel) return unknown('which kernel runs is not known')
  const least = npu.part.kernel
  const headline = `This kernel is too old for the ${npu.product}.`
  if (!isAtLeast(kernel, least)) return fail(headline, `kernel ${kernel} runs, ${least} is the first that knows it`)
  if (driver.knowsId === false && driver.provided !== 'absent')
    return fail(headline, `intel_vpu of kernel ${kernel} does not list ${npu.vendor}:${npu.device}`)
  return pass(`kernel ${kernel}, ${least} or newer is needed`)
}
