/** Reads the stream of a caller's answers, over a connection of its own. */
import type {Redis} from 'ioredis'

import {setTimeout as sleep} from 'node:timers/promises'

import {parseReply, type Reply} from '../reply/reply.ts'

const BLOCK_MS = 1000
const MOST_ENTRIES = 256
/** What was read is kept up to so much, since cutting it off costs a command. */
const MOST_KEPT_ENTRIES = 256
const MOST_KEPT_CHARACTERS = 2 ** 20
const PAUSE_MS = 50
/** A stream that its caller has not asked for in so long is gone with it. */
const EXPIRY_MS = 600_000
const KEEP_ALIVE_MS = 60_000

export class ReplyReader {
  readonly #redis: Redis
  readonly #blocking: Redis
  readonly #key: string
  readonly #onReply: (reply: Reply) => void
  #last = '0-0'
  #keptEntries = 0
  #keptCharacters = 0
  #keptAt = -Infinity
  #isClosed = false
  #reading: Promise<void> | undefined

  /** @param blocking a connection that nothing else uses */
  constructor(redis: Redis, blocking: Redis, key: string, onReply: (reply: Reply) => void) {
    this.#redis = redis
    this.#blocking = blocking
    this.#key = key
    this.#onReply = onReply
  }

  /** Makes the stream, which has to be there before the first answer. */
  async open(): Promise<void> {
    await this.#keepAlive()
    this.#reading = this.#read()
  }

  /** After a restart of Redis that lost everything the stream is made anew. */
  async restore(): Promise<void> {
    this.#keptAt = -Infinity
    await this.#keepAlive()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#blocking.disconnect()
    await this.#reading
    await this.#redis.unlink(this.#key)
  }

  async #keepAlive(): Promise<void> {
    const now = performance.now()
    if (now - this.#keptAt < KEEP_ALIVE_MS) return
    this.#keptAt = now
    if ((await this.#redis.exists(this.#key)) === 0) await this.#redis.xadd(this.#key, '*', 'caller', 'here')
    await this.#redis.pexpire(this.#key, EXPIRY_MS)
  }

  async #read(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const streams = await this.#blocking.xread(
          'COUNT',
          MOST_ENTRIES,
          'BLOCK',
          BLOCK_MS,
          'STREAMS',
          this.#key,
          this.#last,
        )
        const entries = streams?.[0]?.[1] ?? []
        for (const [id, fields] of entries) {
          this.#last = id
          this.#deliver(fields)
        }

        this.#cutOff(entries.length)
        await this.#keepAlive()
      } catch {
        // Without a connection there is nothing to read; the link knows, and tells those who wait.
        await sleep(PAUSE_MS)
      }
    }
  }

  /** What was read is not needed by anybody else. */
  #cutOff(entries: number): void {
    this.#keptEntries += entries
    if (this.#keptEntries < MOST_KEPT_ENTRIES && this.#keptCharacters < MOST_KEPT_CHARACTERS) return
    this.#keptEntries = 0
    this.#keptCharacters = 0
    void this.#redis.xtrim(this.#key, 'MINID', this.#last).catch(() => undefined)
  }

  #deliver(fields: readonly string[]): void {
    for (let i = 1; i < fields.length; i += 2) {
      const text = fields[i]!
      this.#keptCharacters += text.length
      const reply = parseReply(text)
      if (reply) this.#onReply(reply)
    }
  }
}
