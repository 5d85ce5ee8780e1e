import type {Problem} from './problems.ts'

import {type ConfigSources, problemsOfSources} from './resolve.ts'

/** What is wrong with a configuration. */
export interface ConfigCheck {
  readonly valid: boolean
  readonly file: null | string
  readonly problems: ReadonlyArray<Problem & {readonly origin: string}>
}

/** @throws {NpuBridgeError} CONFIG_INVALID for files that cannot be read, or contradict each other */
export async function checkConfig(sources: ConfigSources): Promise<ConfigCheck> {
  const {file, problems} = await problemsOfSources(sources)
  return {valid: problems.length === 0, file, problems}
}
