/** A configuration for others to read: what `config show --json` gives is a configuration itself. */
import {type ConfigSources, resolveConfig, type ResolvedConfig} from './resolve.ts'

/** What is set, as in a file; keys with a dollar are for readers and mean nothing to npubridge. */
export interface ShownConfig {
  /** The project's file; null where there is none. */
  readonly $file: null | string
  /** Where each setting that somebody set comes from, by its path. */
  readonly $origins: Readonly<Record<string, string>>
  /** What holds for the others; null where that depends on the machine. */
  readonly $defaults: Readonly<Record<string, unknown>>
  readonly [section: string]: unknown
}

/** @throws {NpuBridgeError} CONFIG_INVALID with every problem */
export async function showConfig(sources: ConfigSources): Promise<{resolved: ResolvedConfig; shown: ShownConfig}> {
  const resolved = await resolveConfig(sources)
  const {config, file, settings} = resolved
  const isSet = ({origin}: {origin: string}) => origin !== 'default'
  return {
    resolved,
    shown: {
      ...config,
      $file: file,
      $origins: Object.fromEntries(settings.filter((each) => isSet(each)).map(({origin, path}) => [path, origin])),
      $defaults: Object.fromEntries(
        settings.filter((each) => !isSet(each)).map(({path, value}) => [path, value ?? null]),
      ),
    },
  }
}
