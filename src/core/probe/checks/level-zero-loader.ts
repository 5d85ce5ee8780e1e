import type {Facts} from '../facts.ts'

import {isAtLeast} from '../versions.ts'
import {type Check, fail, NPU_IN_SIGHT, pass, unknown, type Verdict} from './check.ts'
import {installLoader} from './remedies.ts'

const LEAST = '1.18.5'

export const levelZeroLoader: Check = {
  id: 'level-zero-loader',
  title: 'The Level Zero loader is installed and new enough',
  explanation: `OpenVINO reaches the NPU through libze_loader.so.1 and takes version ${LEAST} or newer. Debian 12 and Ubuntu 22.04 ship an older one.`,
  needs: [...NPU_IN_SIGHT],
  detect: judge,
  remedy: installLoader,
  source: 'https://github.com/intel/linux-npu-driver/issues/69',
}

function judge({levelZero, native, packages}: Facts): Verdict {
  const {folders, loader} = levelZero
  if (folders.length === 0) return unknown('there is no library folder here')
  if (!loader) return fail('The Level Zero loader is missing.', `no libze_loader.so.1 in ${folders.join(', ')}`)
  const packaged = ['libze1', 'level-zero', 'level-zero-loader'].find((name) => packages[name])
  const version = native.levelZero?.loaderVersion ?? loader.version ?? (packaged && packages[packaged])
  const origin = packaged && `package ${packaged} ${packages[packaged]}`
  if (!version) return unknown(`the version of ${loader.path} is not known`)
  if (isAtLeast(version, LEAST)) return pass(`${loader.path} is ${version}`, origin)
  return fail(
    'The Level Zero loader is too old for the NPU.',
    `${loader.path} is ${version}, OpenVINO needs ${LEAST} or newer`,
    origin,
  )
}
