/** A pool as whoever looks after it sees it. */
import type {Announcement} from '../node/announcement.ts'

import {NpuBridgeError} from '../../errors.ts'
import {nameSuggestions} from '../../run/nearest.ts'
import {LaneQueues} from '../lane/queues.ts'
import {NodeDirectory} from '../node/directory.ts'
import {clusterOptions, type ClusterOptions, type ClusterSettings} from '../options.ts'
import {RedisLink} from '../redis/link.ts'
import {PoolKeys} from './keys.ts'

export class Pool implements AsyncDisposable {
  readonly directory: NodeDirectory
  readonly keys: PoolKeys
  readonly link: RedisLink
  readonly options: ClusterOptions
  readonly queues: LaneQueues

  private constructor(link: RedisLink, options: ClusterOptions) {
    this.link = link
    this.options = options
    this.keys = new PoolKeys(options.pool)
    this.directory = new NodeDirectory(link.redis, this.keys)
    this.queues = new LaneQueues(link, this.keys)
  }

  /** @throws {NpuBridgeError} PROTOCOL_ERROR where there is no Redis */
  static async open(settings: ClusterSettings): Promise<Pool> {
    const options = clusterOptions(settings)
    return new Pool(await RedisLink.open(options.queue), options)
  }

  /** Names of all lanes that were ever read, by name. */
  async lanes(): Promise<string[]> {
    const lanes = await this.link.redis.smembers(this.keys.lanes)
    return lanes.toSorted((a, b) => a.localeCompare(b, 'en'))
  }

  /** @throws {NpuBridgeError} INVALID_ARGUMENT with the nearest name */
  async node(name: string): Promise<Announcement> {
    const node = await this.directory.find(name)
    if (node) return node
    const names = (await this.directory.alive()).map((each) => each.name)
    throw new NpuBridgeError('INVALID_ARGUMENT', `the pool has no node ${JSON.stringify(name)}`, {
      suggestions: nameSuggestions(name, names, 'nodes'),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queues.close()
    await this.link[Symbol.asyncDispose]()
  }
}
