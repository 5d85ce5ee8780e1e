/** One worker of a pool, from joining it to leaving it. */
import type {Redis} from 'ioredis'

import {randomUUID} from 'node:crypto'
import {hostname} from 'node:os'

import type {Engine} from '../../engine/engine.ts'
import type {Announcement} from '../node/announcement.ts'
import type {ClusterOptions} from '../options.ts'

import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {lanesFor, requirementsOf} from '../lane/lane.ts'
import {LaneQueues} from '../lane/queues.ts'
import {NodeDirectory} from '../node/directory.ts'
import {PoolKeys} from '../pool/keys.ts'
import {PoolClock} from '../redis/clock.ts'
import {RedisLink} from '../redis/link.ts'
import {TensorStore} from '../tensor/tensor-store.ts'
import {within} from '../within.ts'
import {WorkerAgents} from './agents.ts'
import {AnswerBook} from './answer-book.ts'
import {Consumers} from './consumers.ts'
import {Dispersal} from './dispersal.ts'
import {type ExecutorOptions, JobExecutor} from './executor.ts'
import {Inheritance, type InheritanceParts} from './inheritance.ts'
import {JobRunner} from './job-runner.ts'
import {ReplyWriter} from './replies.ts'
import {portrait, type PortraitParts} from './self-portrait.ts'

export type WorkerEvent =
  | {readonly type: 'problem'; readonly message: string}
  | {readonly type: 'redis'; readonly isThere: boolean}
  | {readonly type: 'state'; readonly state: Announcement['state']}

export interface WorkerSettings {
  readonly options: ClusterOptions
  readonly engine: Engine
  /** Unlike those of all others; the name of the host when absent. */
  readonly name?: string | undefined
  /** Operations of one lane at once: more are taken while there are fewer. */
  readonly capacity: number
  readonly modelsFolder: string
  /** Models to load before it joins. */
  readonly load?: readonly string[]
  /** A folder of agents, and the names of those that it runs for others. */
  readonly agentsFolder?: string | undefined
  readonly allowedAgents?: readonly string[]
  /** Of npubridge. */
  readonly version: string
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined
}

const SWEEP_EVERY = 60
const SYNCHRONIZE_EVERY = 10
const NAME = /^[\w-][\w.-]{0,99}$/

export class ClusterWorker {
  readonly name: string
  /** As the Redis server may be shown. */
  readonly redis: string
  readonly #settings: WorkerSettings
  readonly #keys: PoolKeys
  readonly #link: RedisLink
  readonly #directory: NodeDirectory
  readonly #clock: PoolClock
  readonly #consumers: Consumers
  readonly #inheritance: Inheritance
  readonly #queues: LaneQueues
  readonly #runner: JobRunner
  readonly #tensors: TensorStore
  readonly #portrait: PortraitParts
  #state: Announcement['state'] = 'ready'
  #beats = 0
  #timer: NodeJS.Timeout | undefined
  #isLeaving = false
  #draining: Promise<void> | undefined
  #lastProblem = ''
  #subscriber: Redis | undefined

  private constructor(settings: WorkerSettings, link: RedisLink, clock: PoolClock, name: string) {
    const {capacity, engine, options, version} = settings
    const keys = new PoolKeys(options.pool)
    const agents = agentsOf(settings)
    this.name = name
    this.redis = link.shown
    this.#keys = keys
    this.#settings = settings
    this.#link = link
    this.#clock = clock
    this.#directory = new NodeDirectory(link.redis, keys)
    this.#tensors = new TensorStore(link.redis, keys, options)
    this.#queues = new LaneQueues(link, keys)
    const executor = executorOf(settings, {agents, clock, tensors: this.#tensors})
    const surroundings: InheritanceParts = {
      answers: new AnswerBook(link.redis, keys, new ReplyWriter(link.redis, keys), options),
      clock,
      directory: this.#directory,
      keys,
      link,
      node: name,
      onProblem: (error) => {
        this.#tellProblem(error)
      },
      options,
      queues: this.#queues,
    }
    this.#runner = runnerOf(executor, surroundings)
    this.#consumers = consumersOf(this.#runner, capacity, surroundings)
    this.#inheritance = new Inheritance(surroundings)
    this.#portrait = {
      agents: agents.names,
      capacity,
      clock,
      engine,
      executor,
      heartbeatMs: options.heartbeatMs,
      instance: randomUUID(),
      name,
      runner: this.#runner,
      startedAt: new Date().toISOString(),
      version,
    }
  }

  /**
   * Joins a pool. The engine belongs to whoever opened it.
   *
   * @throws {NpuBridgeError} PROTOCOL_ERROR where there is no Redis, INVALID_ARGUMENT for a name that another worker has
   *   and for agents that may not be run, and what loading models throws
   */
  static async join(settings: WorkerSettings): Promise<ClusterWorker> {
    const {onEvent, options} = settings
    const name = settings.name ?? hostname().replaceAll(/[^\w.-]/g, '-')
    if (!NAME.test(name)) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name for a node`, {
        suggestions: ['letters, digits, dots, hyphens and underscores, at most 100'],
      })
    }

    const link = await RedisLink.open(options.queue, {
      onChange(isThere) {
        onEvent?.({type: 'redis', isThere})
      },
    })
    try {
      const clock = new PoolClock()
      await clock.synchronize(link.redis)
      const worker = new ClusterWorker(settings, link, clock, name)
      await worker.#begin()
      return worker
    } catch (error) {
      await link[Symbol.asyncDispose]()
      throw error
    }
  }

  get state(): Announcement['state'] {
    return this.#state
  }

  async #begin(): Promise<void> {
    const {engine, load = []} = this.#settings
    await this.#checkName()
    await this.#tensors.check()
    await this.#portrait.executor.load(load)
    await this.#listen()
    await this.#beat()
    const {devices} = await engine.health()
    const kinds = devices.map((device) => device.name)
    const lanes = requirementsOf(this.name, kinds).flatMap((requirement) => lanesFor(requirement))
    await this.#link.redis.sadd(this.#keys.lanes, ...lanes)
    for (const lane of lanes) this.#consumers.open(lane)
  }

  /** One that was killed on this host has left its name, which is free again. */
  async #checkName(): Promise<void> {
    const known = await this.#directory.find(this.name)
    if (!known || (known.host === hostname() && !isRunning(known.pid))) return
    throw new NpuBridgeError(
      'INVALID_ARGUMENT',
      `a worker on ${known.host} (process ${known.pid}) has the name ${this.name}`,
      {
        suggestions: [`npubridge worker --name ${this.name}-2`],
      },
    )
  }

  async #listen(): Promise<void> {
    const subscriber: Redis = this.#link.duplicate()
    this.#subscriber = subscriber
    subscriber.on('message', (_channel: string, id: string) => {
      this.#runner.cancel(id)
    })
    await subscriber.subscribe(this.#keys.control)
  }

  /** Tells the pool that it is there, and looks what the pool wants of it. Never rejects. */
  async #beat(): Promise<void> {
    try {
      if (this.#beats % SYNCHRONIZE_EVERY === 0) await this.#clock.synchronize(this.#link.redis)
      if (this.#beats % SWEEP_EVERY === 0) await this.#tensors.sweep()
      this.#beats++
      // Nothing else is written there, and so nothing else would show that it is cut.
      void this.#subscriber?.ping().catch(() => undefined)
      await this.#obey(await this.#directory.isToDrain(this.name))
      await this.#directory.announce(await portrait(this.#portrait, this.#state))
      if (this.#state === 'ready') await this.#inheritance.look()
    } catch (error) {
      this.#tellProblem(asNpuBridgeError(error))
    }

    if (this.#isLeaving) return
    this.#timer = setTimeout(() => {
      void this.#beat()
    }, this.#settings.options.heartbeatMs)
  }

  async #obey(isToDrain: boolean): Promise<void> {
    if (isToDrain && this.#state === 'ready') {
      this.#become('draining')
      this.#draining = this.#consumers.pause().then(() => {
        if (this.#state === 'draining') this.#become('drained')
      })
    } else if (!isToDrain && this.#state !== 'ready') {
      await this.#draining
      await this.#consumers.resume()
      this.#become('ready')
    }
  }

  #become(state: Announcement['state']): void {
    this.#state = state
    this.#settings.onEvent?.({type: 'state', state})
  }

  /** The same problem is told once, until another one comes. */
  #tellProblem({message}: Error): void {
    if (message === this.#lastProblem || this.#isLeaving) return
    this.#lastProblem = message
    this.#settings.onEvent?.({type: 'problem', message})
  }

  /**
   * Leaves the pool: takes no more, and ends what it has.
   *
   * @param options.drainMs how long that may take; what is not done by then is left to others
   */
  async leave({drainMs}: {readonly drainMs: number}): Promise<void> {
    if (this.#isLeaving) return
    this.#isLeaving = true
    clearTimeout(this.#timer)
    this.#become('draining')
    const announced = portrait(this.#portrait, 'draining').then(async (node) => this.#directory.announce(node))
    await within(announced, LEAVE_MS)
    await this.#consumers.closeAll(drainMs)
    await this.#inheritance.close()
    await within(
      this.#directory.leave(this.name).then(async () => this.#queues.close()),
      LEAVE_MS,
    )
    await this.#link[Symbol.asyncDispose]()
  }
}

function agentsOf({agentsFolder, allowedAgents = [], options}: WorkerSettings): WorkerAgents {
  return new WorkerAgents({allowed: allowedAgents, folder: agentsFolder, isSigned: options.key !== null})
}

function executorOf(
  {engine, modelsFolder, options, version}: WorkerSettings,
  {agents, clock, tensors}: Pick<ExecutorOptions, 'agents' | 'clock' | 'tensors'>,
): JobExecutor {
  return new JobExecutor({agents, clock, engine, key: options.key, modelsFolder, tensors, version})
}

function runnerOf(executor: JobExecutor, {answers, keys, link, node, options, queues}: InheritanceParts): JobRunner {
  return new JobRunner({
    answers,
    dispersal: new Dispersal({answers, node, options, queues}),
    driver: link.driver,
    executor,
    keys,
    node,
    options,
    redis: link.redis,
  })
}

function consumersOf(
  runner: JobRunner,
  capacity: number,
  {keys, link, onProblem, options}: InheritanceParts,
): Consumers {
  return new Consumers({
    capacity,
    keys,
    link,
    onAbandoned(job) {
      void runner.abandoned(job).catch(onProblem)
    },
    onProblem,
    options,
    process: runner.process,
  })
}

/** How long Redis may take to be told that a worker leaves. */
const LEAVE_MS = 2000

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return pid !== process.pid
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
