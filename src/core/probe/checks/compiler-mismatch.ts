import type {Facts} from '../facts.ts'

import {isDenied, valueOf} from '../reading.ts'
import {type Check, fail, pass, unknown, type Verdict, warn} from './check.ts'
import {installCompiler, installFirmware} from './remedies.ts'

const HEADLINE = 'Firmware and compiler of the NPU are of different releases.'
const COMPLAINT = 'MAPPED_INFERENCE_VERSION is NOT compatible'

export const compilerMismatch: Check = {
  id: 'compiler-mismatch',
  title: 'Firmware and compiler fit each other',
  explanation:
    'The compiler writes models in a version of the "mapped inference" format that the firmware must know. Packages of different releases compile without complaint and then fail to run.',
  needs: ['compiler-missing', 'driver-probe-failed'],
  detect: judge,
  remedy: (distribution) => [
    'install firmware, driver and compiler of the same release',
    ...installCompiler(distribution),
    ...installFirmware(distribution),
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/28',
}

function judge({firmware, kernelLog, messages, packages}: Facts): Verdict {
  const header = firmware?.api && `the firmware takes mapped inference ${firmware.api.mappedInference}`
  const complaint = [...messages, ...(valueOf(kernelLog) ?? [])].find((line) => line.includes(COMPLAINT))
  if (complaint) return fail(HEADLINE, complaint, header)
  const released = release(packages['intel-fw-npu'])
  const compiled = release(packages['intel-driver-compiler-npu'])
  if (released && compiled) {
    const both = `intel-fw-npu ${released}, intel-driver-compiler-npu ${compiled}`
    return released === compiled ? pass(both, header) : warn(HEADLINE, both, header)
  }

  return isDenied(kernelLog) ? unknown('the kernel log needs root') : pass('nothing in the kernel log', header)
}

function release(version: string | undefined): string | undefined {
  return /^\d+\.\d+/.exec(version ?? '')?.[0]
}
