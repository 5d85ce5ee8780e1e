import type {Facts} from '../facts.ts'

import {type Check, fail, NPU_IN_SIGHT, pass, skip, unknown, type Verdict} from './check.ts'
import {installCompiler} from './remedies.ts'

export const compilerMissing: Check = {
  id: 'compiler-missing',
  title: 'A model compiler for the NPU is there',
  explanation:
    "Models are compiled for the NPU by a library of the driver (libnpu_driver_compiler.so) or of OpenVINO (libopenvino_intel_npu_compiler.so). The wheel of OpenVINO brings none, so it needs the driver's and NPU_COMPILER_TYPE=DRIVER.",
  needs: [...NPU_IN_SIGHT],
  detect: judge,
  remedy: installCompiler,
  source: 'https://github.com/openvinotoolkit/openvino/issues/36374',
}

function judge({levelZero, npu, openvino}: Facts): Verdict {
  if (!npu) return skip('no NPU to compile for')
  if (levelZero.compiler) return pass(`${levelZero.compiler.path}, used with NPU_COMPILER_TYPE=DRIVER`)
  const libraries = openvino.used?.npuLibraries
  const own = libraries?.find((name) => name.includes('npu_compiler'))
  if (own) return pass(`${own} of OpenVINO`)
  const none = 'the driver has no libnpu_driver_compiler.so'
  if (!libraries) return unknown(none, 'whether OpenVINO has a compiler of its own is not known')
  return fail(
    'There is no compiler for the NPU, so no model can run on it.',
    none,
    'OpenVINO has no compiler of its own',
  )
}
