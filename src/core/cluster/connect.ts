/** The door to a pool for programs. What joins several hosts is loaded behind it, when it is opened. */
import type {ClusterEngine} from './client/cluster-engine.ts'
import type {ClusterSettings} from './options.ts'

/**
 * Joins a pool as a caller: an engine whose operations run on the workers of the pool.
 *
 * @throws {NpuBridgeError} PROTOCOL_ERROR where there is no Redis, DEVICE_UNAVAILABLE where no worker has joined
 */
export async function connectCluster(settings: ClusterSettings): Promise<ClusterEngine> {
  const {joinAsCaller} = await import('./client/cluster-engine.ts')
  return joinAsCaller(settings)
}
