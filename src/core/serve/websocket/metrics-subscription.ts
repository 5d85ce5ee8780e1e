/** `subscribe_metrics`: the engine's figures, again and again. */
import type {Buffer} from 'node:buffer'

import {z} from 'zod'

import type {Monitor} from '../live/monitor.ts'

import {NpuBridgeError} from '../../errors.ts'
import {parseJson} from '../../run/json.ts'
import {Watcher} from '../live/watcher.ts'

const SHORTEST_MS = 100
const LONGEST_MS = 60_000
const USUAL_MS = 1000
/** Longer messages are something else; they are not looked into. */
const LONGEST_MESSAGE = 1024

const id = z.union([z.string(), z.number()]).optional()
const messageSchema = z.discriminatedUnion('type', [
  z.strictObject({
    id,
    /** Whether what the server tells besides its engine's metrics is wanted, too, and the history. */
    live: z.boolean().default(false),
    interval_ms: z.number().min(SHORTEST_MS).max(LONGEST_MS).default(USUAL_MS),
    type: z.literal('subscribe_metrics'),
  }),
  z.strictObject({id, type: z.literal('unsubscribe_metrics')}),
])

/** The object of a message that is about a subscription; undefined for any other. */
export function subscriptionIn(data: Buffer): object | undefined {
  if (data.length > LONGEST_MESSAGE || !data.includes('subscribe_metrics"')) return undefined
  const value = parseJson(data.toString('utf8'))
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
  return type === 'subscribe_metrics' || type === 'unsubscribe_metrics' ? (value as object) : undefined
}

/** The subscription of one client; a new one takes the place of the old. */
export class MetricsSubscription {
  readonly #monitor: Monitor
  readonly #push: (makeText: () => string) => void
  #timer: NodeJS.Timeout | undefined

  /**
   * @param monitor of the server
   * @param push sends a text, unless the client has not taken the one before; then it is not made
   */
  constructor(monitor: Monitor, push: (makeText: () => string) => void) {
    this.#monitor = monitor
    this.#push = push
  }

  /**
   * Begins or ends it, and gives the answer.
   *
   * @throws {NpuBridgeError} INVALID_ARGUMENT
   */
  handle(message: object, number: number): string {
    const parsed = messageSchema.safeParse(message)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw new NpuBridgeError('INVALID_ARGUMENT', `${issue!.path.join('.') || 'the message'}: ${issue!.message}`)
    }

    const request = parsed.data
    const answerId = request.id ?? number
    this.stop()
    if (request.type === 'unsubscribe_metrics') {
      return JSON.stringify({id: answerId, ok: true, data: {subscribed: false}})
    }

    const watcher = request.live ? new Watcher(this.#monitor) : undefined
    const tell = () => {
      this.#push(() => {
        const data = this.#monitor.snapshot()
        return JSON.stringify({type: 'metrics', id: answerId, data, ...(watcher && {live: watcher.next()})})
      })
    }

    this.#timer = setInterval(tell, request.interval_ms)
    this.#timer.unref()
    // Who looks at it does not want to look at nothing first.
    if (watcher) setImmediate(tell)
    return JSON.stringify({id: answerId, ok: true, data: {subscribed: true, interval_ms: request.interval_ms}})
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
