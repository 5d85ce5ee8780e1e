import type {Facts} from '../facts.ts'

import {lists} from '../inventory/openvino.ts'
import {type Check, fail, NPU_IN_SIGHT, pass, unknown, type Verdict, warn} from './check.ts'

/** Variables that replace, hide or disguise the NPU. */
export const TRAPS = [
  'ZE_ENABLE_ALT_DRIVERS',
  'ZE_ENABLE_NULL_DRIVER',
  'ZE_AFFINITY_MASK',
  'ZE_INTEL_NPU_PLATFORM_OVERRIDE',
]

export const environmentTrap: Check = {
  id: 'environment-trap',
  title: 'No environment variable hides the NPU',
  explanation: `${TRAPS.join(', ')} make Level Zero use other drivers, leave devices out, or take the NPU for another one. They are left over from experiments or set by a container image.`,
  needs: [...NPU_IN_SIGHT],
  detect: judge,
  remedy: (_, {environment}) => [
    `unset ${trapsIn(environment ?? {}).join(' ') || TRAPS.join(' ')}`,
    'and remove it from the shell profile, the unit file or the container image that sets it',
  ],
  source: 'https://github.com/oneapi-src/level-zero/blob/master/README.md',
}

function judge({environment, openvino, trapSprung}: Facts): Verdict {
  if (!environment) return unknown('an image has no environment')
  const set = trapsIn(environment).map((name) => `${name}=${environment[name]}`)
  if (set.length === 0) return pass('none is set')
  if (trapSprung === true)
    return fail('An environment variable hides the NPU.', ...set, 'without it OpenVINO lists the NPU')
  if (lists(openvino, 'NPU'))
    return warn('A variable that may hide the NPU is set.', ...set, 'OpenVINO lists the NPU all the same')
  if (trapSprung === false)
    return warn('A variable that may hide the NPU is set.', ...set, 'it is not the cause: nothing changes without it')
  return fail('An environment variable may hide the NPU.', ...set)
}

export function trapsIn(environment: Readonly<Record<string, string>>): string[] {
  return TRAPS.filter((name) => environment[name] !== undefined)
}
