import type {Facts} from '../facts.ts'

import {type Check, fail, pass, skip, type Verdict} from './check.ts'
import {installDriver} from './remedies.ts'

export const enumerationCrash: Check = {
  id: 'enumeration-crash',
  title: 'OpenVINO and Level Zero answer without crashing',
  explanation:
    'Listing devices runs code of the NPU driver, which has been seen to crash or hang. npubridge does it in a child process with a time limit, so that only the child dies, and then leaves that device alone.',
  needs: ['runtime-missing'],
  detect: judge,
  remedy: (distribution) => [
    ...installDriver(distribution),
    'if it stays: npubridge probe --capture npu.tar.gz, and report it to intel/linux-npu-driver with the last lines above',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/26',
}

function judge({native, openvino}: Facts): Verdict {
  if (openvino.used && openvino.failure)
    return fail('OpenVINO does not survive listing its devices.', ...openvino.failure.message.split('\n'))
  if (native.failure)
    return fail('Level Zero does not survive being asked for the NPU.', ...native.failure.message.split('\n'))
  return openvino.used ? pass('both answered') : skip('there was nothing to ask')
}
