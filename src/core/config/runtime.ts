/** The runtime that a project is configured for, for commands that look for one without starting an engine. */
import {resolveConfig} from './resolve.ts'
import {variableOf} from './schema.ts'

/**
 * The folder that a flag or a file names. What a variable names is left to the search for runtimes, which says where it
 * found each.
 *
 * @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from
 */
export async function configuredRuntime(flags: {
  readonly config?: string | undefined
  readonly runtime?: string | undefined
}): Promise<string | undefined> {
  if (flags.runtime !== undefined) return flags.runtime
  const {config, settings} = await resolveConfig({file: flags.config})
  const origin = settings.find(({path}) => path === 'runtime')?.origin
  return origin === variableOf({path: ['runtime']}) ? undefined : config.runtime
}
