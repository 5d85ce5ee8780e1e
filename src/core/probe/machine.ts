import {readFileSync} from 'node:fs'
import os from 'node:os'

/** Who asks. No name: a report may be shown to strangers. */
export interface User {
  readonly root: boolean
  /** Groups of this process. */
  readonly groups: readonly number[]
  /** Groups that /etc/group gives to the user, which count after the next login. */
  readonly memberOf: readonly number[]
}

/** What is known of a machine beside its files; null where an image cannot tell. */
export interface Machine {
  readonly platform: string
  readonly architecture: string | null
  readonly kernelRelease: string | null
  readonly user: User | null
  /** Only the variables that change what a driver or runtime does. */
  readonly environment: Readonly<Record<string, string>> | null
}

/** Prefixes and names of the variables that the Level Zero loader, the NPU driver, OpenVINO and the linker obey. */
const RELEVANT =
  /^(?:ZE_|ZEL_|OV_|NPU_|OPENVINO_|INTEL_OPENVINO_|LD_LIBRARY_PATH$|LD_PRELOAD$|SNAP$|container$|PROCESSOR_IDENTIFIER$)/

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
    user: process.geteuid ? {groups: groups(), memberOf: memberOf(), root: process.geteuid() === 0} : null,
  }
}

function groups(): number[] {
  const effective = process.getegid?.()
  return [...new Set([...(effective === undefined ? [] : [effective]), ...(process.getgroups?.() ?? [])])]
}

function memberOf(): number[] {
  try {
    const {username} = os.userInfo()
    const lines = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
    return lines.filter((fields) => fields[3]?.split(',').includes(username)).map((fields) => Number(fields[2]))
  } catch {
    // A user without an entry, as in many containers, is in no group by name.
    return []
  }
}

/** A mounted image: another kernel, another user, no environment. */
export const IMAGE: Machine = {
  architecture: null,
  environment: null,
  kernelRelease: null,
  platform: 'linux',
  user: null,
}
