import type {Facts} from '../facts.ts'

import {valueOf} from '../reading.ts'
import {type Check, fail, pass, skip, type Verdict} from './check.ts'
import {installFirmware} from './remedies.ts'

export const firmwareMissing: Check = {
  id: 'firmware-missing',
  title: 'The firmware is installed',
  explanation:
    "The driver loads the firmware of the NPU from a file. The file comes with the distribution's linux-firmware or with intel-fw-npu; when the driver starts from the initramfs, the file must be in there too.",
  needs: ['driver-not-loaded'],
  detect: judge,
  remedy: installFirmware,
  source: 'https://github.com/intel/linux-npu-driver/issues/31',
}

function judge({counters, firmware, kernelLog, npu}: Facts): Verdict {
  if (!npu || !firmware) return skip('no NPU to be seen')
  const running = valueOf(counters)?.firmware
  if (npu.name) return pass(running ? `running ${running}` : `${npu.name} runs, so the driver found it`, firmware.file)
  const refused = (valueOf(kernelLog) ?? []).find((line) => line.includes('Failed to request firmware: -2'))
  if (refused && firmware.file) {
    return fail(
      'The NPU firmware was not there when the driver started.',
      refused,
      `${firmware.file} is there now: it is probably missing in the initramfs`,
    )
  }

  if (firmware.file) return pass(firmware.file, firmware.version)
  const names = firmware.wanted.join(', ')
  return fail('The NPU firmware is missing.', `none of ${names} is in ${firmware.folders.join(', ')}`, refused)
}
