import path from 'node:path'

import {type ProcessOutcome, runProcess} from '../../src/core/process/run.ts'

export const BIN = path.resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

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
