/** The pool that a command means, by its flags, the configuration and the environment. */
import {configOf} from '../../open-bridge.ts'
import {type ClusterOptions, configuredCluster} from '../options.ts'

/** @throws NpuBridgeError INVALID_ARGUMENT where nobody says which pool is meant, CONFIG_INVALID */
export async function poolOf(flags: {
  readonly config?: string | undefined
  readonly queue?: string | undefined
}): Promise<ClusterOptions> {
  const config = await configOf({config: flags.config})
  return configuredCluster({config, env: process.env, queue: flags.queue})
}
