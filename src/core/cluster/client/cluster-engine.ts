import type {TaskContext} from '../../agents/agent.ts'
/** A pool in place of an engine: operations become jobs, and the first answer to each is its result. */
import type {BatchElement, Engine, Health, MetricsSnapshot, Operation} from '../../engine/engine.ts'
import type {Delegate} from '../../workflow/delegate.ts'
import type {AgentTask, Job} from '../job/job.ts'
import type {Announcement} from '../node/announcement.ts'

import {metricsText} from '../../engine/metrics-text.ts'
import {EngineMetrics} from '../../engine/metrics.ts'
import {checkOperation, checkSubmitOptions} from '../../engine/validate.ts'
import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {parcelOfOperation} from '../job/operation-line.ts'
import {laneFor} from '../lane/lane.ts'
import {engineOf, nodeMetricsText, poolHealth} from '../node/node-report.ts'
import {clusterOptions, type ClusterSettings} from '../options.ts'
import {parseReply, type Reply, resultIn, type TaskAnswer, taskAnswer} from '../reply/reply.ts'
import {within} from '../within.ts'
import {type CallerParts, connectCaller} from './caller.ts'
import {echoedArray} from './echo-data.ts'
import {type ClusterSubmitOptions, jobIdOf, needOf, type Work} from './job-builder.ts'
import {LossWatch} from './loss-watch.ts'
import {noWorkers, Outage} from './outage.ts'
import {type ClusterResult, type Pending, PendingOperations} from './pending.ts'
import {placementOf} from './placement-of.ts'
import {streamOf, Streams} from './streams.ts'

/** How often a caller looks at the nodes, and at what it has waited for too long. */
const LOOK_MS = 500
const MOST_SUBMISSIONS = 3
const DRAIN_STEP_MS = 5
/** How long workers may take to be told what is not wanted any more. */
const TELL_MS = 1000

/**
 * Joins a pool as a caller.
 *
 * @throws {NpuBridgeError} PROTOCOL_ERROR where there is no Redis, DEVICE_UNAVAILABLE where no worker has joined
 */
export async function joinAsCaller(settings: ClusterSettings): Promise<ClusterEngine> {
  const options = clusterOptions(settings)
  const pending = new PendingOperations()
  // What comes before there is an engine is for nobody.
  const listener: {engine?: ClusterEngine} = {}
  const parts = await connectCaller(options, pending, {
    onRedis: (isThere) => listener.engine?.redisChanged(isThere),
    onReply: (reply) => listener.engine?.answered(reply),
  })
  if (parts.view.candidates.every(({isOpen}) => !isOpen)) {
    await parts.close()
    throw noWorkers(parts.link.shown)
  }

  listener.engine = new ClusterEngine(parts, pending)
  return listener.engine
}

export class ClusterEngine implements Delegate, Engine {
  readonly kind: Engine['kind']
  readonly #parts: CallerParts
  readonly #pending: PendingOperations
  readonly #losses: LossWatch
  readonly #outage: Outage
  readonly #streams = new Streams()
  readonly #metrics: EngineMetrics
  #isClosed = false
  #timer: NodeJS.Timeout | undefined

  constructor(parts: CallerParts, pending: PendingOperations) {
    const {link, options, queues, view} = parts
    this.#parts = parts
    this.#pending = pending
    this.kind = engineOf(view.nodes)
    this.#metrics = new EngineMetrics(this.kind)
    this.#outage = new Outage({
      onOutage: (error) => {
        this.#pending.rejectAll(error)
      },
      shown: link.shown,
      unreachableMs: options.unreachableMs,
    })
    this.#losses = new LossWatch({
      onLost: (lost, error) => {
        this.#lost(lost, error)
      },
      pending,
      queues,
      redis: link.redis,
    })
    this.#lookLater()
  }

  /** The nodes of the pool, as last seen. */
  get nodes(): readonly Announcement[] {
    return this.#parts.view.nodes
  }

  /** Answers that came for operations that had been answered before, and were dropped. */
  get duplicates(): number {
    return this.#pending.duplicates
  }

  async submit(operation: Operation, options: ClusterSubmitOptions = {}): Promise<ClusterResult> {
    checkOperation(operation)
    checkSubmitOptions(options)
    const echoed = operation.type === 'echo' ? echoedArray(operation) : undefined
    if (echoed) return echoed.restore(await this.#submitOperation(echoed.operation, {}, options))
    const need = needOf(operation)
    if (streamOf(operation) === undefined) return this.#submitOperation(operation, need, options)
    return this.#streams.inOrder(operation, async () => this.#submitOperation(operation, need, options))
  }

  async #submitOperation(
    operation: Operation,
    need: Omit<Job['need'], 'device'>,
    options: ClusterSubmitOptions,
  ): Promise<ClusterResult> {
    const {tensors: store} = this.#parts
    const {tensors, text} = parcelOfOperation(operation)
    const references = tensors.length === 0 ? [] : await store.put(tensors)
    return this.#submitWork(operation, {line: text, need, tensors: references}, options)
  }

  /**
   * Has a task done by an agent that workers have.
   *
   * @throws {NpuBridgeError} DEVICE_UNAVAILABLE where no worker has the agent, and what the task fails with
   */
  async runTask(agent: AgentTask, options: ClusterSubmitOptions = {}): Promise<unknown> {
    return (await this.#submitWork({type: 'echo'}, {agent}, options)).data
  }

  /** A task of a workflow that runs here. */
  async doTask({agent, attempt, description, inputs, signal, taskId, workflowId}: TaskContext): Promise<TaskAnswer> {
    const task = {attempt, description, inputs: {...inputs}, name: agent, task_id: taskId, workflow_id: workflowId}
    const answer = taskAnswer.safeParse(await this.runTask(task, {signal}))
    if (answer.success) return answer.data
    throw new NpuBridgeError('PROTOCOL_ERROR', `a worker gave an answer for the agent "${agent}" that is none`)
  }

  /** Whether a worker says that it runs this agent. */
  hasAgent(name: string): boolean {
    return this.#parts.view.candidates.some(({agents, isOpen}) => isOpen && agents.has(name))
  }

  async #submitWork(operation: Operation, work: Work, options: ClusterSubmitOptions): Promise<ClusterResult> {
    const {signal} = options
    this.#metrics.submitted()
    const {promise, reject, resolve} = Promise.withResolvers<ClusterResult>()
    // It may be rejected before anybody waits for it.
    promise.catch(() => undefined)
    let job: Job | undefined
    const onAbort = () => {
      if (job) void this.#giveUp(job, new NpuBridgeError('CANCELLED', 'the operation was cancelled'))
    }

    let timer: NodeJS.Timeout | undefined
    try {
      this.#checkOpen(signal)
      job = this.#parts.builder.build(work, options)
      const pending = this.#pendingFor(job, operation, {reject, resolve})
      this.#pending.add(pending)
      signal?.addEventListener('abort', onAbort, {once: true})
      if (options.timeoutMs !== undefined) timer = this.#watchDeadline(pending, options.timeoutMs)
      await this.#enqueue(pending, options.timeoutMs)
      const result = await promise
      this.#metrics.completed(result)
      return result
    } catch (error) {
      const failure = asNpuBridgeError(error)
      this.#metrics.failed(failure.code)
      throw failure
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      if (job) this.#pending.take(job.id)
      if (job && job.tensors.length > 0) void this.#parts.tensors.drop(job.tensors).catch(() => undefined)
    }
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw new NpuBridgeError('CANCELLED', 'the connection to the pool is closed')
    if (signal?.aborted) throw new NpuBridgeError('CANCELLED', 'the operation was cancelled before it was submitted')
    if (this.#outage.problem) throw this.#outage.problem
  }

  #pendingFor(job: Job, operation: Operation, settle: Pick<Pending, 'reject' | 'resolve'>): Pending {
    const {requirement} = placementOf(job, this.#streams.nodeOf(operation), this.#parts)
    const node = typeof requirement === 'object' && 'node' in requirement ? requirement.node : null
    if (node !== null) this.#parts.view.count(node, 1)
    return {
      job,
      jobId: jobIdOf(job),
      company: undefined,
      lane: laneFor(requirement, job.priority),
      missedAt: undefined,
      node,
      operation,
      submissions: 0,
      submittedAt: performance.now(),
      ...settle,
    }
  }

  /** An idempotency key first looks for an answer that is there already. */
  async #enqueue(pending: Pending, timeoutMs?: number): Promise<void> {
    const {caller, keys, link, submitter} = this.#parts
    const {job} = pending
    pending.submissions++
    if (job.key !== undefined) {
      const waiters = keys.waiters(job.key)
      await link.redis.sadd(waiters, `${caller} ${job.id}`)
      await link.redis.pexpire(waiters, this.#parts.options.answerExpiryMs)
      const kept = parseReply((await link.redis.get(keys.answer(job.key))) ?? '')
      if (kept) {
        this.answered({...kept, id: job.id})
        return
      }
    }

    submitter.add({
      isWanted: () => !this.#isClosed && this.#pending.get(job.id) !== undefined,
      onError: (error) => {
        this.#pending.take(job.id)?.reject(asNpuBridgeError(error))
      },
      pending,
      timeoutMs,
    })
  }

  /** What has not been begun by its deadline is taken back; what a worker has is that worker's to judge. */
  #watchDeadline(pending: Pending, timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      void this.#parts.withdrawals
        .take(pending)
        .then((isTaken) => {
          if (!isTaken) return
          const message = `no worker took the operation within its ${timeoutMs} ms`
          this.#pending.take(pending.job.id)?.reject(new NpuBridgeError('DEADLINE_EXCEEDED', message))
        })
        .catch(() => undefined)
    }, timeoutMs)
  }

  /** Settles at once; then the job is removed, or whoever runs it is told. Never rejects. */
  async #giveUp({id}: Job, error: NpuBridgeError): Promise<void> {
    const {keys, link, withdrawals} = this.#parts
    const pending = this.#pending.take(id)
    pending?.reject(error)
    try {
      if (pending && !(await withdrawals.take(pending))) await link.redis.publish(keys.control, id)
    } catch {
      // Without Redis nobody can be told; its deadline, if it has one, ends it.
    }
  }

  /** Takes an answer. */
  answered(reply: Reply): void {
    if ('lane' in reply) {
      this.#pending.moved(reply.id, reply.lane, reply.job)
      return
    }

    const pending = this.#pending.take(reply.id)
    if (!pending) {
      this.#pending.duplicates++
      return
    }

    if (pending.node !== null) this.#parts.view.count(pending.node, -1)
    if ('error' in reply) {
      const {code, message, suggestions} = reply.error
      pending.reject(new NpuBridgeError(code, message, {suggestions}))
    } else void this.#resolve(pending, reply)
  }

  async #resolve(pending: Pending, reply: Extract<Reply, {text: string}>): Promise<void> {
    const {tensors: store, view} = this.#parts
    const {job, operation, reject, resolve, submittedAt} = pending
    try {
      const tensors = reply.tensors.length === 0 ? [] : await store.get(reply.tensors)
      const result = resultIn(operation, reply, tensors)
      if (job.need.model !== undefined) view.learn(reply.node, job.need.model)
      // What the way through the pool took counts as waiting.
      const totalUs = (performance.now() - submittedAt) * 1000
      resolve({
        ...result,
        node: reply.node,
        attempt: reply.attempt,
        queueUs: Math.max(0, totalUs - result.computeUs),
        totalUs,
      })
      // With a key the answer is kept, also for those to come.
      if (job.key === undefined && reply.tensors.length > 0) await store.drop(reply.tensors)
    } catch (error) {
      reject(asNpuBridgeError(error))
    }
  }

  redisChanged(isThere: boolean): void {
    this.#outage.redisChanged(isThere)
    if (!isThere) return
    const {clock, link, reader} = this.#parts
    void Promise.all([reader.restore(), clock.synchronize(link.redis)]).catch(() => undefined)
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (!this.#isClosed) this.#lookLater()
      })
    }, LOOK_MS)
  }

  async #look(): Promise<void> {
    const {directory, link, view} = this.#parts
    if (!link.isThere) return
    try {
      await view.refresh()
      this.#outage.nodesChanged(view.emptySince, performance.now())
      await this.#losses.look()
      // Somebody should look after the lanes of nodes that are gone, also where the pool has forgotten them.
      for (const name of this.#pending.byNode.keys()) if (!view.isAlive(name)) await directory.giveUp(name)
    } catch {
      // The link says whether Redis is there.
    }
  }

  /** With an idempotency key an operation may be submitted again without anybody's leave. */
  #lost(lost: Pending, error: NpuBridgeError): void {
    const mayAgain = lost.job.key !== undefined && lost.submissions < MOST_SUBMISSIONS
    if (mayAgain) {
      lost.missedAt = undefined
      void this.#enqueue(lost).catch((error_: unknown) => {
        this.#pending.take(lost.job.id)?.reject(asNpuBridgeError(error_))
      })
      return
    }

    this.#pending.take(lost.job.id)?.reject(error)
  }

  async submitBatch(operations: readonly Operation[], options: ClusterSubmitOptions = {}): Promise<BatchElement[]> {
    return Promise.all(
      operations.map(async (operation) =>
        this.submit(operation, options)
          .then((result): BatchElement => ({...result, ok: true}))
          .catch((error: unknown): BatchElement => ({error: asNpuBridgeError(error), ok: false})),
      ),
    )
  }

  async health(): Promise<Health> {
    await this.#parts.view.refresh()
    return poolHealth(this.nodes, this.#pending.size)
  }

  metrics(): MetricsSnapshot {
    return this.#metrics.snapshot(
      this.#pending.size,
      this.nodes.reduce((sum, {running}) => sum + running, 0),
    )
  }

  metricsText(): string {
    return metricsText(this.metrics()) + nodeMetricsText(this.nodes)
  }

  async shutdown({drainMs = 0}: {drainMs?: number} = {}): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    const end = performance.now() + drainMs
    while (this.#pending.size > 0 && performance.now() < end) {
      await new Promise((resolve) => {
        setTimeout(resolve, DRAIN_STEP_MS)
      })
    }

    this.#outage.close()
    const closed = new NpuBridgeError('CANCELLED', 'the connection to the pool was closed')
    const open = [...this.#pending.before(Infinity)]
    const telling = Promise.all(open.map(async ({job}) => this.#giveUp(job, closed)))
    await within(telling, this.#parts.link.isThere ? TELL_MS : 0)
    await this.#parts.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }
}
