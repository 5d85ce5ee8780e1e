/** What a caller is put together from. */
import {randomUUID} from 'node:crypto'

import type {ClusterOptions} from '../options.ts'
import type {Reply} from '../reply/reply.ts'
import type {PendingOperations} from './pending.ts'

import {LaneQueues} from '../lane/queues.ts'
import {NodeDirectory} from '../node/directory.ts'
import {mostTogether} from '../placement/together.ts'
import {PoolKeys} from '../pool/keys.ts'
import {PoolClock} from '../redis/clock.ts'
import {RedisLink} from '../redis/link.ts'
import {TensorStore} from '../tensor/tensor-store.ts'
import {within} from '../within.ts'
import {JobBuilder} from './job-builder.ts'
import {NodeView} from './node-view.ts'
import {ReplyReader} from './reply-reader.ts'
import {Submitter} from './submitter.ts'
import {Withdrawals} from './withdrawals.ts'

export interface CallerParts {
  /** The name of the stream of its answers. */
  readonly caller: string
  readonly builder: JobBuilder
  readonly clock: PoolClock
  readonly directory: NodeDirectory
  readonly keys: PoolKeys
  readonly link: RedisLink
  readonly options: ClusterOptions
  readonly queues: LaneQueues
  readonly reader: ReplyReader
  readonly submitter: Submitter
  readonly tensors: TensorStore
  readonly view: NodeView
  readonly withdrawals: Withdrawals
  close(): Promise<void>
}

export interface CallerEvents {
  readonly onRedis: (isThere: boolean) => void
  readonly onReply: (reply: Reply) => void
}

/** How long Redis may take to be told that a caller leaves. */
const CLOSE_MS = 1000

/** @throws NpuBridgeError where there is no Redis */
export async function connectCaller(
  options: ClusterOptions,
  pending: PendingOperations,
  {onRedis, onReply}: CallerEvents,
): Promise<CallerParts> {
  const link = await RedisLink.open(options.queue, {onChange: onRedis})
  try {
    const caller = randomUUID()
    const keys = new PoolKeys(options.pool)
    const clock = new PoolClock()
    const directory = new NodeDirectory(link.redis, keys)
    const view = new NodeView(directory, () => pending.byNode)
    const queues = new LaneQueues(link, keys)
    const tensors = new TensorStore(link.redis, keys, options)
    const reader = new ReplyReader(link.redis, link.duplicate(), keys.reply(caller), onReply)
    await Promise.all([clock.synchronize(link.redis), view.refresh(), tensors.check()])
    await reader.open()
    return {
      builder: new JobBuilder(caller, clock, options),
      caller,
      clock,
      directory,
      keys,
      link,
      options,
      queues,
      reader,
      submitter: new Submitter({
        mostTogether: (lane) => mostTogether(pending.inLane(lane), lane, view.candidates),
        options,
        queues,
      }),
      tensors,
      view,
      withdrawals: new Withdrawals({keys, link, queues}),
      async close() {
        await within(Promise.all([queues.close(), reader.close()]), CLOSE_MS)
        await link[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await link[Symbol.asyncDispose]()
    throw error
  }
}
