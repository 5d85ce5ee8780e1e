import type {Facts} from '../facts.ts'

import {type Check, fail, pass, skip, unknown, type Verdict} from './check.ts'
import {upgradeKernel} from './remedies.ts'

export const driverNotBuilt: Check = {
  id: 'driver-not-built',
  title: 'The kernel has the driver intel_vpu',
  explanation:
    'The driver is part of the kernel since 6.3, under CONFIG_DRM_ACCEL_IVPU, but some distributions and most trimmed or self-built kernels leave it out. On Ubuntu it is in the package linux-modules-extra.',
  needs: ['kernel-too-old'],
  detect: judge,
  remedy: (distribution, {host}) => [
    ...(distribution === 'debian' && host.kernel
      ? [`sudo apt install linux-modules-extra-${host.kernel}   (Ubuntu)`]
      : []),
    ...upgradeKernel(distribution),
    'a self-built kernel: set CONFIG_DRM_ACCEL_IVPU=m',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/64',
}

function judge({driver, host, npu}: Facts): Verdict {
  if (driver.loaded || npu?.driver === 'intel_vpu') return pass('it is loaded')
  if (!npu) return skip('no NPU to be seen')
  const headline = 'This kernel was built without the NPU driver.'
  const setting = driver.configured && `CONFIG_DRM_ACCEL_IVPU is ${driver.configured} in /boot/config-${host.kernel}`
  if (driver.provided === 'absent')
    return fail(headline, `no intel_vpu among the modules of kernel ${host.kernel}`, setting)
  if (driver.provided) return pass(driver.provided === 'builtin' ? 'it is built in' : 'it is a module', setting)
  if (driver.configured === 'n') return fail(headline, setting)
  return unknown(`the modules of kernel ${host.kernel ?? '(unknown)'} cannot be read here`)
}
