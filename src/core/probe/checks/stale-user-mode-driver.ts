import {type Check, fail, NPU_IN_SIGHT, pass} from './check.ts'

export const staleUserModeDriver: Check = {
  id: 'stale-user-mode-driver',
  title: 'No old user-mode driver gets in the way',
  explanation:
    'Up to version 1.15 the driver was called libze_intel_vpu.so.1. The loader still opens a copy that an upgrade left behind, and both drivers then claim the same device.',
  needs: [...NPU_IN_SIGHT],
  detect: ({levelZero: {driver, staleDriver}}) =>
    staleDriver
      ? fail(
          'An old user-mode driver is left over and gets in the way.',
          staleDriver.path,
          driver && `beside ${driver.path}`,
        )
      : pass('no libze_intel_vpu.so.1'),
  remedy: (_, {levelZero}) => [
    `sudo rm ${(levelZero.staleDriver?.path ?? '/usr/lib/x86_64-linux-gnu/libze_intel_vpu.so.1').replace(/\.1$/, '')}*`,
    'sudo ldconfig',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/107',
}
