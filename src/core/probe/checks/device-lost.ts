import type {Facts} from '../facts.ts'

import {lists} from '../inventory/openvino.ts'
import {isDenied, isValue, valueOf} from '../reading.ts'
import {type Check, fail, pass, unknown, type Verdict, warn} from './check.ts'
import {installDriver, installFirmware, RELOAD} from './remedies.ts'

const LOST = /0x70000001|ZE_RESULT_ERROR_DEVICE_LOST/

export const deviceLost: Check = {
  id: 'device-lost',
  title: 'The NPU was not reset since boot',
  explanation:
    'When a job hangs, the driver resets the NPU: work in hand fails with ZE_RESULT_ERROR_DEVICE_LOST (0x70000001), and often nothing works until the module is loaded again.',
  needs: ['driver-probe-failed'],
  detect: judge,
  remedy: (distribution) => [
    RELOAD,
    'if it comes again:',
    ...installDriver(distribution),
    ...installFirmware(distribution),
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/87',
}

function judge({counters, kernelLog, messages, openvino}: Facts): Verdict {
  const lost = [...messages, ...(valueOf(kernelLog) ?? [])].find((line) => LOST.test(line))
  if (lost) return fail('The NPU hung and was lost.', lost)
  if (!isValue(counters)) return unknown(isDenied(counters) ? 'needs root' : counters.detail)
  const {engineResets, resets} = counters.value
  const total = (resets ?? 0) + (engineResets ?? 0)
  if (total === 0) return resets === null ? unknown('this kernel does not count resets') : pass('no reset')
  const evidence = `${total} ${total === 1 ? 'reset' : 'resets'} since boot`
  return lists(openvino, 'NPU')
    ? warn('The NPU hung before, and works again.', evidence)
    : fail('The NPU hung and was reset.', evidence)
}
