/** The nodes of a pool, as Redis knows them. */
import type {Redis} from 'ioredis'

import type {PoolKeys} from '../pool/keys.ts'

import {type Announcement, expiryOf, parseAnnouncement} from './announcement.ts'

export class NodeDirectory {
  readonly #redis: Redis
  readonly #keys: PoolKeys

  constructor(redis: Redis, keys: PoolKeys) {
    this.#redis = redis
    this.#keys = keys
  }

  /** Writes an announcement, which is gone when it is not written again in time. */
  async announce(node: Announcement): Promise<void> {
    const key = this.#keys.node(node.name)
    // What a node that takes nothing still has in its lane is for others.
    const seenAt = node.state === 'ready' ? node.seenAt : 0
    await Promise.all([
      this.#redis.set(key, JSON.stringify(node), 'PX', expiryOf(node.heartbeatMs)),
      this.#redis.zadd(this.#keys.nodes, seenAt, node.name),
    ])
  }

  async find(name: string): Promise<Announcement | undefined> {
    return parseAnnouncement(await this.#redis.get(this.#keys.node(name)))
  }

  /** Takes an announcement back. The name stays known for as long as its lane may hold something. */
  async leave(name: string): Promise<void> {
    await Promise.all([this.#redis.del(this.#keys.node(name)), this.giveUp(name)])
  }

  async forget(name: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.nodes, name),
      this.#redis.del(this.#keys.node(name), this.#keys.wish(name)),
    ])
  }

  /** Every node that announces itself, by name. */
  async alive(): Promise<Announcement[]> {
    const names = await this.#redis.zrange(this.#keys.nodes, '0', '-1')
    if (names.length === 0) return []
    const texts = await this.#redis.mget(names.map((name) => this.#keys.node(name)))
    const nodes = texts.map((text) => parseAnnouncement(text)).filter((node) => node !== undefined)
    return nodes.toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
  }

  /** Names of nodes that were not seen since `before`, or that have said that they take nothing. */
  async gone(before: number): Promise<string[]> {
    return this.#redis.zrangebyscore(this.#keys.nodes, '-inf', before)
  }

  /** Tells the others to look after the lane of a node. */
  async giveUp(name: string): Promise<void> {
    await this.#redis.zadd(this.#keys.nodes, '0', name)
  }

  /** Asks a node to drain, or to go on; it looks at its next heartbeat. */
  async wish(name: string, isDraining: boolean): Promise<void> {
    const key = this.#keys.wish(name)
    await (isDraining ? this.#redis.set(key, 'drain') : this.#redis.del(key))
  }

  async isToDrain(name: string): Promise<boolean> {
    return (await this.#redis.get(this.#keys.wish(name))) === 'drain'
  }
}
