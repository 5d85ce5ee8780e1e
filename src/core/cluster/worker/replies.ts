/** Writes answers into the streams of callers, those of one turn of the event loop together. */
import type {Redis} from 'ioredis'

import type {PoolKeys} from '../pool/keys.ts'
import type {Reply} from '../reply/reply.ts'

interface Waiting {
  readonly fields: string[]
  readonly written: Promise<unknown>
}

/** The name of every field of a stream's entry; what counts is the value. */
const FIELD = 'a'

export class ReplyWriter {
  readonly #redis: Redis
  readonly #keys: PoolKeys
  readonly #waiting = new Map<string, Waiting>()

  constructor(redis: Redis, keys: PoolKeys) {
    this.#redis = redis
    this.#keys = keys
  }

  /** Resolves when the answer is with Redis. Where the caller has gone away, nothing is kept for it. */
  async write(caller: string, reply: Reply): Promise<void> {
    await this.#entry(caller, JSON.stringify(reply))
  }

  async #entry(caller: string, text: string): Promise<unknown> {
    const waiting = this.#waiting.get(caller)
    if (waiting) {
      waiting.fields.push(FIELD, text)
      return waiting.written
    }

    const fields = [FIELD, text]
    const written = new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#waiting.delete(caller)
        this.#redis
          .xadd(this.#keys.reply(caller), 'NOMKSTREAM', '*', ...fields)
          .then(resolve)
          .catch(reject)
      })
    })
    this.#waiting.set(caller, {fields, written})
    return written
  }
}
