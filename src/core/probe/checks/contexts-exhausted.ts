import type {Facts} from '../facts.ts'

import {isDenied, valueOf} from '../reading.ts'
import {type Check, fail, pass, unknown, type Verdict} from './check.ts'

const FULL = /Failed to add BO to context .*-28/

export const contextsExhausted: Check = {
  id: 'contexts-exhausted',
  title: 'The NPU has contexts left',
  explanation:
    'Every program that opens the NPU takes one of its contexts, and their number is small. When they are used up, opening the node fails with EMFILE, or memory cannot be added to a context (-28).',
  needs: ['node-permission'],
  detect: judge,
  remedy: () => [
    'see who has it open: sudo fuser -v /dev/accel/*',
    'end what is not needed, or share one process between models',
  ],
  source: 'https://github.com/intel/linux-npu-driver/issues/149',
}

function judge({kernelLog, messages, native}: Facts): Verdict {
  const headline = 'All contexts of the NPU are in use.'
  if (native.openError === 'EMFILE') return fail(headline, 'opening the device node fails with EMFILE')
  const full = [...messages, ...(valueOf(kernelLog) ?? [])].find((line) => FULL.test(line))
  if (full) return fail(headline, full)
  if (native.parameters) return pass('opening the device node works')
  return isDenied(kernelLog) ? unknown('the kernel log needs root') : pass('nothing in the kernel log')
}
