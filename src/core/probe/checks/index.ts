/** All checks in dependency order: where several fail, the first explains the others. */
import type {Check} from './check.ts'

import {compilerMismatch} from './compiler-mismatch.ts'
import {compilerMissing} from './compiler-missing.ts'
import {contextsExhausted} from './contexts-exhausted.ts'
import {deviceLost} from './device-lost.ts'
import {disabledInFirmwareSetup} from './disabled-in-firmware-setup.ts'
import {driverInSnap} from './driver-in-snap.ts'
import {driverNotBuilt} from './driver-not-built.ts'
import {driverNotLoaded} from './driver-not-loaded.ts'
import {driverProbeFailed} from './driver-probe-failed.ts'
import {enumerationCrash} from './enumeration-crash.ts'
import {environmentTrap} from './environment-trap.ts'
import {firmwareMissing} from './firmware-missing.ts'
import {functionalTest} from './functional-test.ts'
import {kernelTooOld} from './kernel-too-old.ts'
import {levelZeroLoader} from './level-zero-loader.ts'
import {noNpuInProcessor} from './no-npu-in-processor.ts'
import {nodeMissing} from './node-missing.ts'
import {nodePermission} from './node-permission.ts'
import {nodeUnsuitable} from './node-unsuitable.ts'
import {npuNotListed} from './npu-not-listed.ts'
import {pluginMissing} from './plugin-missing.ts'
import {runtimeMissing} from './runtime-missing.ts'
import {staleUserModeDriver} from './stale-user-mode-driver.ts'
import {userModeDriverOld} from './user-mode-driver-old.ts'
import {userModeDriver} from './user-mode-driver.ts'
import {virtualMachine} from './virtual-machine.ts'
import {wsl} from './wsl.ts'

export const CHECKS: readonly Check[] = [
  noNpuInProcessor,
  disabledInFirmwareSetup,
  wsl,
  virtualMachine,
  kernelTooOld,
  driverNotBuilt,
  driverNotLoaded,
  firmwareMissing,
  driverProbeFailed,
  nodeMissing,
  nodePermission,
  nodeUnsuitable,
  levelZeroLoader,
  driverInSnap,
  userModeDriver,
  staleUserModeDriver,
  userModeDriverOld,
  compilerMissing,
  compilerMismatch,
  environmentTrap,
  runtimeMissing,
  pluginMissing,
  enumerationCrash,
  deviceLost,
  contextsExhausted,
  npuNotListed,
  functionalTest,
]
