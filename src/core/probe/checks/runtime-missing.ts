import type {Facts} from '../facts.ts'

import {type Check, fail, pass, unknown, type Verdict} from './check.ts'

export const runtimeMissing: Check = {
  id: 'runtime-missing',
  title: 'An OpenVINO runtime is there',
  explanation:
    "Everything runs through libopenvino_c: from --runtime or NPUBRIDGE_RUNTIME, from npubridge setup, from the Python package openvino, from openvino-node, from INTEL_OPENVINO_DIR or /opt/intel, or from the linker's folders, in this order.",
  needs: [],
  detect: judge,
  remedy: () => ['npubridge setup'],
  source: 'https://docs.openvino.ai/2026/get-started/install-openvino.html',
}

function judge({openvino}: Facts): Verdict {
  const {candidates, failure, used} = openvino
  if (used) return pass(`OpenVINO ${used.version ?? 'of unknown version'} in ${used.folder}`)
  if (failure) return unknown(failure.message)
  const problems = candidates.map(({folder, problem}) => `${folder}: ${problem}`)
  return problems.length > 0
    ? fail('No OpenVINO runtime that was found can be used.', ...problems)
    : fail('There is no OpenVINO runtime.', 'none of the places where one may be has one')
}
