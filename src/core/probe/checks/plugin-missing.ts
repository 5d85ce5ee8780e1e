import type {Facts} from '../facts.ts'

import {type Check, fail, NPU_IN_SIGHT, pass, skip, unknown, type Verdict} from './check.ts'

const PLUGIN = 'libopenvino_intel_npu_plugin.so'

export const pluginMissing: Check = {
  id: 'plugin-missing',
  title: 'OpenVINO has its NPU plugin',
  explanation:
    'Some builds of OpenVINO come without the NPU plugin: conda packages of some versions, distribution packages, and self-built ones with ENABLE_INTEL_NPU off.',
  needs: [...NPU_IN_SIGHT, 'runtime-missing'],
  detect: judge,
  remedy: () => [
    'npubridge setup   fetches a runtime that has it',
    'or install the package that the build keeps apart',
  ],
  source: 'https://github.com/openvinotoolkit/openvino/issues/29005',
}

function judge({openvino: {used}}: Facts): Verdict {
  if (!used) return skip('there is no OpenVINO runtime to judge')
  if (!used.npuLibraries) return unknown(`${used.folder} cannot be listed`)
  return used.npuLibraries.includes(PLUGIN)
    ? pass(PLUGIN)
    : fail('This OpenVINO was built without its NPU plugin.', `${used.folder} has no ${PLUGIN}`)
}
