/** What becomes of the lane of a node that is gone or drains: one of the others sends its jobs on to where they fit. */
import type {Job as BullJob} from 'bullmq'

import type {NodeDirectory} from '../node/directory.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolKeys} from '../pool/keys.ts'
import type {PoolClock} from '../redis/clock.ts'
import type {RedisLink} from '../redis/link.ts'
import type {AnswerBook} from './answer-book.ts'

import {NpuBridgeError} from '../../errors.ts'
import {type Bundle, bundleOf, type Job, readBundle} from '../job/job.ts'
import {laneFor, lanesFor} from '../lane/lane.ts'
import {bundleName, jobOptions, type LaneQueues} from '../lane/queues.ts'
import {type Announcement, MISSED_HEARTBEATS} from '../node/announcement.ts'
import {candidatesOf} from '../placement/candidates.ts'
import {place} from '../placement/place.ts'
import {Consumers} from './consumers.ts'

export interface InheritanceParts {
  readonly answers: AnswerBook
  readonly clock: PoolClock
  readonly directory: NodeDirectory
  readonly keys: PoolKeys
  readonly link: RedisLink
  /** The name of this node. */
  readonly node: string
  readonly options: ClusterOptions
  readonly queues: LaneQueues
  readonly onProblem: (error: Error) => void
}

/** Operations that are sent on at once. */
const AT_ONCE = 32
/** How long sending on what was begun may take in the end. */
const CLOSE_MS = 1000

export class Inheritance {
  readonly #parts: InheritanceParts
  readonly #consumers: Consumers
  readonly #inherited = new Set<string>()

  constructor(parts: InheritanceParts) {
    this.#parts = parts
    const {keys, link, onProblem, options} = parts
    this.#consumers = new Consumers({
      capacity: AT_ONCE,
      keys,
      link,
      onAbandoned: (bull) => {
        const error = new NpuBridgeError('INTERNAL', 'the operation could not be sent on to another node')
        void Promise.all(readBundle(bull.data).jobs.map(async (job) => this.#tell(job, error, bull))).catch(onProblem)
      },
      onProblem,
      options,
      process: async (job) => this.#sendOn(job),
    })
  }

  /** Looks for nodes that are gone, and takes their lanes or gives them back. To be called at every heartbeat. */
  async look(): Promise<void> {
    const {clock, directory, node, options} = this.#parts
    const before = clock.now() - options.heartbeatMs * MISSED_HEARTBEATS
    const gone = new Set((await directory.gone(before)).filter((name) => name !== node))
    for (const name of this.#inherited) if (!gone.has(name)) await this.#giveBack(name)
    for (const name of gone) {
      if (await this.#isHeir(name)) await this.#take(name)
      else if (this.#inherited.has(name)) await this.#giveBack(name)
    }
  }

  async close(): Promise<void> {
    await this.#consumers.closeAll(CLOSE_MS)
  }

  /** One node at a time empties a lane: a thousand that try would only be in each other's way. */
  async #isHeir(name: string): Promise<boolean> {
    const {keys, link, node, options} = this.#parts
    const key = keys.heir(name)
    const expiry = options.heartbeatMs * MISSED_HEARTBEATS
    if ((await link.redis.set(key, node, 'PX', expiry, 'NX')) === 'OK') return true
    if ((await link.redis.get(key)) !== node) return false
    await link.redis.pexpire(key, expiry)
    return true
  }

  async #take(name: string): Promise<void> {
    const {directory, queues} = this.#parts
    const lanes = lanesFor({node: name})
    const counts = await Promise.all(
      lanes.map(async (lane) => queues.get(lane).getJobCounts('active', 'delayed', 'prioritized', 'waiting')),
    )
    const isEmpty = counts.every((count) => Object.values(count).every((number) => number === 0))
    if (!isEmpty) {
      this.#inherited.add(name)
      for (const lane of lanes) this.#consumers.open(lane)
      return
    }

    await this.#giveBack(name)
    // A node that drains is still there and keeps its name.
    if ((await directory.find(name)) === undefined) await directory.forget(name)
  }

  async #giveBack(name: string): Promise<void> {
    if (!this.#inherited.delete(name)) return
    for (const lane of lanesFor({node: name})) await this.#consumers.close(lane)
  }

  /** What was together stays so where all of it goes to one lane. */
  async #sendOn(bull: BullJob): Promise<null> {
    const {begun, failure, jobs} = readBundle(bull.data)
    if (failure !== undefined) throw new this.#parts.link.driver.bullmq.UnrecoverableError(failure)
    const nodes = await this.#parts.directory.alive()
    const lanes = jobs.map((job) => (job.need.stream ? undefined : this.#laneFor(job, nodes)))
    const [lane] = lanes
    if (lane !== undefined && lanes.every((each) => each === lane)) {
      await this.#move(bundleOf(jobs, {begun}), {id: bull.id!, lane}, bull)
      return null
    }

    for (const [index, job] of jobs.entries()) {
      const to = lanes[index]
      if (to === undefined) await this.#tell(job, whyNowhere(job), bull)
      else await this.#move(bundleOf([job], {begun}), {id: jobs.length === 1 ? bull.id! : job.id, lane: to}, bull)
    }

    return null
  }

  /** Twice is no harm, as everywhere: its caller takes one answer. */
  async #move(
    bundle: Bundle,
    {id, lane}: {readonly id: string; readonly lane: string},
    {attemptsStarted: attempt}: BullJob,
  ): Promise<void> {
    const {answers, node, options, queues} = this.#parts
    const [first] = bundle.jobs
    const opts = jobOptions(first!, {id, priority: first!.priority}, options)
    await queues.get(lane).add(bundleName(bundle), bundle, opts)
    await Promise.all(
      bundle.jobs.map(async (job) => {
        // To whoever submitted this one, and not to all who gave its idempotency key.
        const address = {id: job.id, reply: job.reply}
        await answers.write(address, {id: job.id, node, attempt, lane, job: id})
      }),
    )
  }

  #laneFor({agent, need, priority}: Job, nodes: readonly Announcement[]): string | undefined {
    const candidates = candidatesOf(nodes)
    const placement = place({agent: agent?.name.toLowerCase(), device: need.device, model: need.model}, candidates)
    return placement && laneFor(placement.requirement, priority)
  }

  async #tell(
    job: Job,
    {code, message, suggestions}: NpuBridgeError,
    {attemptsStarted: attempt}: Pick<BullJob, 'attemptsStarted'>,
  ): Promise<void> {
    const {answers, node} = this.#parts
    await answers.write(job, {id: job.id, node, attempt, error: {code, message, suggestions: [...suggestions]}})
  }
}

function whyNowhere({need}: Job): NpuBridgeError {
  if (need.stream) {
    return new NpuBridgeError('DEVICE_LOST', 'the node that had the state of the stream is gone', {
      suggestions: ['begin the stream anew, under another name'],
    })
  }

  return new NpuBridgeError('DEVICE_UNAVAILABLE', 'the node of the operation is gone, and no other one can run it')
}
