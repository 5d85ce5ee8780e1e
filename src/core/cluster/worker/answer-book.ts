/** Where answers go: to the caller of the job, or, with an idempotency key, to all who gave it, and to those to come. */
import type {Redis} from 'ioredis'

import type {Job} from '../job/job.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {ReplyWriter} from './replies.ts'

import {parseReply, type Reply} from '../reply/reply.ts'

/** Who an answer is for. */
type Addressee = Pick<Job, 'id' | 'reply'> & {readonly key?: string | undefined}

export class AnswerBook {
  readonly #redis: Redis
  readonly #keys: PoolKeys
  readonly #replies: ReplyWriter
  readonly #expiryMs: number

  constructor(
    redis: Redis,
    keys: PoolKeys,
    replies: ReplyWriter,
    {answerExpiryMs}: Pick<ClusterOptions, 'answerExpiryMs'>,
  ) {
    this.#redis = redis
    this.#keys = keys
    this.#replies = replies
    this.#expiryMs = answerExpiryMs
  }

  /** Resolves when the answer is with Redis. */
  async write({key, reply: caller}: Addressee, reply: Reply): Promise<void> {
    if (key === undefined) {
      await this.#replies.write(caller, reply)
      return
    }

    // Errors are told and not kept: the next who asks should have another try.
    if ('text' in reply)
      await this.#redis.set(this.#keys.answer(key), JSON.stringify(reply), 'PX', this.#expiryMs, 'NX')
    await this.#tellWaiters(key, reply)
  }

  /** Gives the kept answer of a key to those who wait for it; false where there is none. */
  async repeat(key: string): Promise<boolean> {
    const text = await this.#redis.get(this.#keys.answer(key))
    const reply = text === null ? undefined : parseReply(text)
    if (!reply) return false
    await this.#tellWaiters(key, reply)
    return true
  }

  /** A waiter registers before it looks for a kept answer, so none comes too late for both. */
  async #tellWaiters(key: string, reply: Reply): Promise<void> {
    const waiters = await this.#redis.smembers(this.#keys.waiters(key))
    await Promise.all(
      waiters.map(async (waiter) => {
        const [caller, id] = waiter.split(' ') as [string, string]
        await this.#replies.write(caller, {...reply, id})
      }),
    )
    if (waiters.length > 0) await this.#redis.srem(this.#keys.waiters(key), ...waiters)
  }
}
