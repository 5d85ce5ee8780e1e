import type {Facts} from '../facts.ts'

import {isAtLeast} from '../versions.ts'
import {type Check, fail, pass, skip, unknown, type Verdict, warn} from './check.ts'
import {installDriver, installLoader} from './remedies.ts'

/** Loaders that driver releases were tested with, newest first. */
const PAIRS = [
  {driver: '1.32', loader: '1.27.0'},
  {driver: '1.30', loader: '1.26.3'},
  {driver: '1.24', loader: '1.24.2'},
  {driver: '1.19', loader: '1.22.4'},
  {driver: '1.16', loader: '1.20.2'},
] as const

export const userModeDriverOld: Check = {
  id: 'user-mode-driver-old',
  title: 'The user-mode driver fits the NPU and the loader',
  explanation:
    'Panther Lake needs driver 1.28 and Wildcat Lake 1.32. A container brings its own driver, which must be new enough too. Each driver was released with a certain Level Zero loader; an older one may lack functions.',
  needs: ['user-mode-driver'],
  detect: judge,
  remedy: (distribution, {host}) => [
    ...installDriver(distribution),
    ...installLoader(distribution),
    ...(host.container ? ['do so in the image of this container, not on the host'] : []),
  ],
  source: 'https://github.com/intel/linux-npu-driver/releases',
}

function judge({levelZero, native, npu, packages}: Facts): Verdict {
  if (!levelZero.driver) return skip('there is no user-mode driver to judge')
  const version = levelZero.driver.version ?? packages['intel-level-zero-npu'] ?? packages['intel-npu-driver']
  const least = npu?.part?.driver
  if (!version)
    return least ? unknown(`the version of ${levelZero.driver.path} is not known`) : pass(levelZero.driver.path)
  if (least && !isAtLeast(version, least))
    return fail(
      `The user-mode driver is too old for the ${npu.product}.`,
      `it is ${version}, ${least} is the first that supports it`,
    )
  const loader = native.levelZero?.loaderVersion ?? levelZero.loader?.version
  const pair = PAIRS.find(({driver}) => isAtLeast(version, driver))
  if (pair && loader && !isAtLeast(loader, pair.loader))
    return warn(
      'The Level Zero loader is older than the one released with the driver.',
      `driver ${version} came with loader ${pair.loader}, here is ${loader}`,
    )
  return pass(`driver ${version}`, loader && `loader ${loader}`)
}
