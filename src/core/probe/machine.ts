import os from 'node:os'

/** What is known of a machine beside its files; null where an image cannot tell. */
export interface Machine {
  readonly platform: string
  readonly architecture: string | null
  readonly kernelRelease: string | null
  readonly user: {readonly root: boolean; readonly groups: readonly number[]} | null
  /** Only the variables that change what a driver or runtime does. */
  readonly environment: Readonly<Record<string, string>> | null
}

/** Prefixes and names of the variables that the Level Zero loader, the NPU driver, OpenVINO and the linker obey. */
const RELEVANT = /^(?:ZE_|ZEL_|OV_|NPU_|OPENVINO_|INTEL_OPENVINO_|LD_LIBRARY_PATH$|LD_PRELOAD$|SNAP$|container$)/

export function relevantEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => RELEVANT.test(entry[0]) && entry[1] !== undefined),
  )
}

export function runningMachine(env: NodeJS.ProcessEnv = process.env): Machine {
  return {
    architecture: os.arch(),
    environment: relevantEnvironment(env),
    kernelRelease: os.release(),
    platform: process.platform,
    user: process.geteuid ? {groups: groups(), root: process.geteuid() === 0} : null,
  }
}

function groups(): number[] {
  const effective = process.getegid?.()
  return [...new Set([...(effective === undefined ? [] : [effective]), ...(process.getgroups?.() ?? [])])]
}

/** A mounted image: another kernel, another user, no environment. */
export const IMAGE: Machine = {
  architecture: null,
  environment: null,
  kernelRelease: null,
  platform: 'linux',
  user: null,
}
