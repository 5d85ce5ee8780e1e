import type {Facts} from '../facts.ts'

import {lists} from '../inventory/openvino.ts'
import {type Check, fail, pass, skip, unknown, type Verdict} from './check.ts'

export const npuNotListed: Check = {
  id: 'npu-not-listed',
  title: 'OpenVINO lists the NPU',
  explanation:
    'Everything that can be checked one by one is in order, and still OpenVINO does not list the NPU. The answer of Level Zero and the logs of loader and driver are the next things to look at.',
  needs: [
    'kernel-too-old',
    'node-permission',
    'node-unsuitable',
    'level-zero-loader',
    'user-mode-driver',
    'stale-user-mode-driver',
    'user-mode-driver-old',
    'environment-trap',
    'plugin-missing',
    'enumeration-crash',
    'device-lost',
    'contexts-exhausted',
  ],
  detect: judge,
  remedy: () => [
    'look at: ZEL_ENABLE_LOADER_LOGGING=1 ZE_INTEL_NPU_LOGLEVEL=INFO OV_NPU_LOG_LEVEL=LOG_DEBUG npubridge probe --test',
    'npubridge probe --capture npu.tar.gz   saves what a maintainer needs',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues',
}

function judge({native, npu, openvino}: Facts): Verdict {
  const device = lists(openvino, 'NPU')
  if (device) return pass(device.fullName ?? device.name)
  if (!npu) return skip('no NPU to be seen')
  if (!openvino.used) return unknown('OpenVINO was not asked')
  const answer = native.levelZero && `Level Zero answers ${native.levelZero.initResult}`
  const listed = openvino.used.devices.map(({name}) => name).join(', ') || 'nothing'
  return fail('Everything is in place, but OpenVINO does not list the NPU.', `OpenVINO lists ${listed}`, answer)
}
