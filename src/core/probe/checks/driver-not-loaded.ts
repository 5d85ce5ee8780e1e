import type {Facts} from '../facts.ts'

import {type Check, fail, pass, skip, type Verdict} from './check.ts'

export const driverNotLoaded: Check = {
  id: 'driver-not-loaded',
  title: 'The driver intel_vpu is loaded',
  explanation:
    'The kernel has the driver but does not use it: a file in modprobe.d or a kernel parameter keeps it out, or it was unloaded.',
  needs: ['driver-not-built'],
  detect: judge,
  remedy: (_, {driver}) => [
    ...driver.blockedBy.map((place) => `remove: ${place}`),
    'sudo modprobe intel_vpu',
    ...(driver.blockedBy.length > 0
      ? ['make the initramfs again, so that it does not come back with the next boot']
      : []),
  ],
  source: 'https://github.com/torvalds/linux/blob/master/Documentation/accel/introduction.rst',
}

function judge({driver, npu}: Facts): Verdict {
  const version = driver.version && `version ${driver.version}`
  if (npu?.driver === 'intel_vpu') return pass(`bound to ${npu.address}`, version)
  if (driver.loaded) return pass('loaded, though not bound to the NPU', version)
  if (!npu) return skip('no NPU to be seen')
  if (driver.blockedBy.length > 0) return fail('The NPU driver is kept from loading.', ...driver.blockedBy)
  return fail(
    'The NPU driver is not loaded.',
    'there is no /sys/module/intel_vpu',
    `no driver is bound to ${npu.address}`,
  )
}
