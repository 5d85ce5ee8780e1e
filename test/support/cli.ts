import {globSync} from 'node:fs'
import path from 'node:path'

import {type ProcessOutcome, runProcess} from '../../src/core/process/run.ts'

const ROOT = path.resolve(import.meta.dirname, '..', '..')

export const BIN = path.join(ROOT, 'bin', 'run.js')

/** Whether the native engine was built here; what depends on it is expected to work then. */
export const HAS_ENGINE = globSync('native/node/*.node', {cwd: ROOT}).length > 0

/** Runs the built command line with its data in `home` and without runtimes that the environment names. */
export async function npubridge(
  home: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<ProcessOutcome> {
  return runProcess(process.execPath, [BIN, ...args], {
    env: {NPUBRIDGE_HOME: home, NPUBRIDGE_RUNTIME: undefined, ...env},
  })
}
