import type {Facts} from '../facts.ts'

import {type Check, fail, pass, unknown, type Verdict} from './check.ts'
import {installDriver} from './remedies.ts'

export const userModeDriver: Check = {
  id: 'user-mode-driver',
  title: 'The user-mode driver is where the loader looks',
  explanation:
    'The Level Zero loader opens libze_intel_npu.so.1 from the folders of the linker and from no others. Without it Level Zero answers ZE_RESULT_ERROR_UNINITIALIZED (0x78000001), and OpenVINO lists no NPU without a word.',
  needs: ['driver-in-snap'],
  detect: judge,
  remedy(distribution, {levelZero}) {
    const unseen = levelZero.unseenDrivers[0]
    if (!unseen) return installDriver(distribution)
    const folder = unseen.slice(0, unseen.lastIndexOf('/'))
    return [`echo ${folder} | sudo tee /etc/ld.so.conf.d/intel-npu.conf && sudo ldconfig`]
  },
  source: 'https://github.com/intel/linux-npu-driver/issues/108',
}

function judge({levelZero, native}: Facts): Verdict {
  const {driver, folders, staleDriver, unseenDrivers} = levelZero
  if (folders.length === 0) return unknown('there is no library folder here')
  if (driver) return pass(driver.version ? `${driver.path} is ${driver.version}` : driver.path)
  const answer = native.levelZero && `Level Zero answers ${native.levelZero.initResult}`
  if (unseenDrivers.length > 0)
    return fail(
      'The NPU driver is installed where Level Zero does not look.',
      ...unseenDrivers,
      `searched: ${folders.join(', ')}`,
      answer,
    )
  return fail(
    'The user-mode driver of the NPU is missing.',
    `no libze_intel_npu.so.1 in ${folders.join(', ')}`,
    staleDriver && `only ${staleDriver.path}, its name before version 1.16`,
    answer,
  )
}
