import type {Announcement} from '../node/announcement.ts'
import type {ClusterSettings} from '../options.ts'

import {Pool} from './pool.ts'

export interface PoolNodes {
  readonly queue: string
  readonly pool: string
  readonly nodes: readonly Announcement[]
}

/**
 * The nodes that announce themselves, by name.
 *
 * @throws NpuBridgeError PROTOCOL_ERROR where there is no Redis
 */
export async function readNodes(settings: ClusterSettings): Promise<PoolNodes> {
  await using pool = await Pool.open(settings)
  return {queue: pool.link.shown, pool: pool.options.pool, nodes: await pool.directory.alive()}
}
