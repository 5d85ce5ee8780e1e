/** How a pool is: its nodes, and what waits in its lanes. */
import type {Announcement} from '../node/announcement.ts'
import type {ClusterSettings} from '../options.ts'

import {Pool} from './pool.ts'

export interface LaneStatus {
  readonly lane: string
  readonly waiting: number
  readonly active: number
  /** Waits for its next try. */
  readonly delayed: number
  readonly failed: number
}

export interface PoolStatus {
  readonly queue: string
  readonly pool: string
  readonly redisVersion: string
  /** Whether what is in Redis outlives a restart of it. */
  readonly persistent: boolean
  readonly memoryBytes: number
  readonly nodes: readonly Announcement[]
  /** Those that hold or have held something. */
  readonly lanes: readonly LaneStatus[]
  readonly totals: Omit<LaneStatus, 'lane'>
}

/** @throws NpuBridgeError PROTOCOL_ERROR where there is no Redis */
export async function readPool(settings: ClusterSettings): Promise<PoolStatus> {
  await using pool = await Pool.open(settings)
  const {directory, link, options} = pool
  const [nodes, names, info] = await Promise.all([directory.alive(), pool.lanes(), link.redis.info()])
  const lanes = await Promise.all(names.map(async (lane) => laneStatus(pool, lane)))
  const total = (name: keyof PoolStatus['totals']) => lanes.reduce((sum, lane) => sum + lane[name], 0)
  return {
    queue: link.shown,
    pool: options.pool,
    redisVersion: field(info, 'valkey_version') ?? field(info, 'redis_version') ?? 'unknown',
    persistent: field(info, 'aof_enabled') === '1',
    memoryBytes: Number(field(info, 'used_memory') ?? 0),
    nodes,
    lanes: lanes.filter(({lane, ...counts}) => Object.values(counts).some((count) => count > 0)),
    totals: {waiting: total('waiting'), active: total('active'), delayed: total('delayed'), failed: total('failed')},
  }
}

async function laneStatus({queues}: Pool, lane: string): Promise<LaneStatus> {
  const counts = await queues.get(lane).getJobCounts('active', 'delayed', 'failed', 'prioritized', 'waiting')
  const {active = 0, delayed = 0, failed = 0, prioritized = 0, waiting = 0} = counts
  return {lane, waiting: waiting + prioritized, active, delayed, failed}
}

function field(info: string, name: string): string | undefined {
  return new RegExp(String.raw`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
}
