import type {Facts} from '../facts.ts'

import {isDenied, valueOf} from '../reading.ts'
import {type Check, fail, pass, skip, type Verdict} from './check.ts'
import {installFirmware, upgradeKernel} from './remedies.ts'

const INCOMPATIBLE = 'Incompatible FW BOOT API version'
const TROUBLE = /fail|error|incompat|timed? ?out|mismatch|-\d+$/i
const MOST_LINES = 5

export const driverProbeFailed: Check = {
  id: 'driver-probe-failed',
  title: 'The driver started the NPU',
  explanation:
    'The driver is loaded and the NPU is on the bus, but the driver gave up on it, so the kernel shows no accelerator. The kernel log tells why; most often firmware and kernel do not fit each other.',
  needs: ['firmware-missing'],
  detect: judge,
  remedy: (distribution, facts) =>
    logOf(facts).some((line) => line.includes(INCOMPATIBLE))
      ? ['bring kernel and firmware to the same age', ...installFirmware(distribution), ...upgradeKernel(distribution)]
      : ['look at: sudo dmesg | grep -iE "vpu|accel"', ...installFirmware(distribution)],
  source: 'https://github.com/torvalds/linux/blob/master/drivers/accel/ivpu/ivpu_fw.c',
}

function judge(facts: Facts): Verdict {
  const {kernelLog, npu} = facts
  if (!npu) return skip('no NPU to be seen')
  if (npu.name) return pass(`the kernel shows ${npu.name}`)
  const lines = logOf(facts).filter((line) => TROUBLE.test(line))
  const headline = lines.some((line) => line.includes(INCOMPATIBLE))
    ? 'The NPU firmware does not fit this kernel.'
    : 'The NPU driver failed to start the NPU.'
  return fail(
    headline,
    `${npu.address} has driver ${npu.driver ?? 'none'} and no entry in /sys/class/accel`,
    ...lines.slice(-MOST_LINES),
    isDenied(kernelLog) && 'the kernel log would tell why, but needs root',
  )
}

function logOf({kernelLog}: Facts): readonly string[] {
  return valueOf(kernelLog) ?? []
}
