/** The connections of one process to the Redis of a pool, and what is known of whether it is there. */
import type {Redis} from 'ioredis'

import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {type LinkOptions, parseAddress} from './address.ts'
import {type Driver, loadDriver} from './driver.ts'

const CONNECT_MS = 5000
const LONGEST_PAUSE_MS = 1000
const SHORTEST_PAUSE_MS = 50
/** A server that answers nothing for so long is behind a cut: its connection is given up, and made anew. */
const SILENT_MS = 5000
/** BullMQ lets commands wait in Redis for as long as ten seconds, and has a watch over them itself. */
const SILENT_BLOCKING_MS = 15_000

export interface LinkEvents {
  /** The connection is gone, or is back. */
  readonly onChange?: (isThere: boolean) => void
}

export class RedisLink implements AsyncDisposable {
  readonly driver: Driver
  /** For commands that do not block. */
  readonly redis: Redis
  /** As the server may be shown. */
  readonly shown: string
  readonly #options: LinkOptions
  readonly #others = new Set<Redis>()
  #isThere = true
  #isClosed = false

  private constructor(driver: Driver, shown: string, options: LinkOptions) {
    this.driver = driver
    this.shown = shown
    this.#options = {
      ...options,
      enableAutoPipelining: true,
      socketTimeout: SILENT_MS,
      // What was sent is sent again after a restart; nothing here does harm when it is done twice.
      maxRetriesPerRequest: null,
      retryStrategy: (times) => (this.#isClosed ? null : pauseBefore(times)),
    }
    this.redis = new driver.Redis(this.#options)
  }

  /**
   * @throws {NpuBridgeError} INVALID_ARGUMENT for a URL that is none, PROTOCOL_ERROR where nobody answers there or
   *   refuses
   */
  static async open(url: string, {onChange}: LinkEvents = {}): Promise<RedisLink> {
    const {options, shown} = parseAddress(url)
    const driver = await loadDriver()
    await tryOut(driver, options, shown)
    const link = new RedisLink(driver, shown, options)
    const tell = (isThere: boolean) => {
      if (link.#isThere === isThere || link.#isClosed) return
      link.#isThere = isThere
      onChange?.(isThere)
    }

    link.#keepDuplicates()
    link.redis.on('ready', () => {
      tell(true)
    })
    link.redis.on('close', () => {
      tell(false)
    })
    // The close that follows says it to those who wait.
    link.redis.on('error', () => {})
    return link
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** A connection of its own, for commands that block or for messages. */
  duplicate(options: LinkOptions = {}): Redis {
    return this.#keep(new this.driver.Redis({...this.#options, enableAutoPipelining: false, ...options}))
  }

  /**
   * BullMQ duplicates what it is given for commands that block, and closes these by QUIT, which nobody answers while
   * Redis is away, or connects them once more when a pause ends after a close. They end with the link.
   */
  #keepDuplicates(): void {
    const duplicate = this.redis.duplicate.bind(this.redis)
    this.redis.duplicate = (override) => this.#keep(duplicate({...override, socketTimeout: SILENT_BLOCKING_MS}))
  }

  #keep(redis: Redis): Redis {
    redis.on('error', () => {})
    redis.on('connect', () => {
      if (this.#isClosed) redis.disconnect()
      else this.#others.add(redis)
    })
    // Lanes come and go with the nodes that are inherited from, and their connections with them.
    redis.on('end', () => {
      this.#others.delete(redis)
    })
    this.#others.add(redis)
    return redis
  }

  /** What BullMQ is given. */
  get forQueues(): Redis {
    return this.redis
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const redis of [this.redis, ...this.#others]) redis.disconnect()
  }
}

/** Milliseconds before connection number `times` is tried. */
function pauseBefore(times: number): number {
  return Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** Math.min(times, 10))
}

/** One connection that does not try again, so that what is wrong is said at once and in the server's words. */
async function tryOut({Redis}: Driver, options: LinkOptions, shown: string): Promise<void> {
  const redis = new Redis({
    ...options,
    connectTimeout: CONNECT_MS,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let problem: Error | undefined
  redis.on('error', (error: Error) => {
    problem = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw cannotBeUsed(shown, problem ?? (error as Error))
  } finally {
    redis.disconnect()
  }
}

function cannotBeUsed(shown: string, cause: Error): NpuBridgeError {
  const {code} = cause as NodeJS.ErrnoException
  const isAbsent = code === 'ECONNREFUSED' || code === 'ENOENT'
  const why = isAbsent ? 'nobody listens there' : asNpuBridgeError(cause).message
  return new NpuBridgeError('PROTOCOL_ERROR', `the Redis server at ${shown} cannot be used: ${why}`, {
    cause,
    suggestions: suggestionsFor(cause.message, isAbsent),
  })
}

function suggestionsFor(message: string, isAbsent: boolean): string[] {
  if (isAbsent) {
    return [
      'Start one: redis-server --appendonly yes    (apt-get install redis-server)',
      'or name another: --queue redis://HOST:PORT',
      'Without a pool everything runs here: leave --cluster out.',
    ]
  }

  if (/WRONGPASS|NOAUTH|NOPERM/.test(message)) return ['redis://USER:PASSWORD@HOST:PORT names an ACL user']
  if (/certificate|self.signed|SSL/i.test(message))
    return ['rediss://HOST:PORT?ca=FILE trusts a certificate authority of your own']
  return ['redis-cli -u URL ping    tells whether the server answers']
}
