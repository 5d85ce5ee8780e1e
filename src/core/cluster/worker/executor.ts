/** What a worker does for a job: checks, tensors, the operation on its engine, and what comes of it. It knows no queue. */
import type {Engine, OperationResult} from '../../engine/engine.ts'
import type {Job, TensorReference} from '../job/job.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolClock} from '../redis/clock.ts'
import type {TensorStore} from '../tensor/tensor-store.ts'
import type {WorkerAgents} from './agents.ts'

import {NpuBridgeError} from '../../errors.ts'
import {InferenceService} from '../../serve/service/inference-service.ts'
import {ModelFolder} from '../../serve/service/model-folder.ts'
import {ModelRegistry} from '../../serve/service/model-registry.ts'
import {runOperation} from '../../serve/websocket/operations.ts'
import {operationOf, parcelOfResult} from '../job/operation-line.ts'
import {isSigned} from '../job/signature.ts'

export interface ExecutorOptions {
  readonly engine: Engine
  readonly agents: WorkerAgents
  readonly clock: PoolClock
  readonly tensors: TensorStore
  readonly key: ClusterOptions['key']
  readonly modelsFolder: string
  /** Of npubridge. */
  readonly version: string
}

/** What an answer says: text, and where its tensors are. */
export interface Answer {
  readonly text: string
  readonly tensors: readonly TensorReference[]
}

/** Elements of one tensor, given or computed. */
const MOST_ELEMENTS = 2 ** 28
/** What an agent's task gives is told as the answer to an operation that needs no device. */
const OF_TASK = {type: 'echo', device: null, fallback: null, queueUs: 0, computeUs: 0} as const

export class JobExecutor {
  readonly #options: ExecutorOptions
  readonly #service: InferenceService

  constructor(options: ExecutorOptions) {
    const {engine, modelsFolder, version} = options
    this.#options = options
    const registry = new ModelRegistry(engine, new ModelFolder(modelsFolder, modelsFolder))
    this.#service = new InferenceService({
      control: true,
      engine,
      limits: {tensorElements: MOST_ELEMENTS},
      registry,
      version,
    })
  }

  /** Names of the models that are loaded. */
  get models(): string[] {
    return this.#service.registry.served.filter(({kind}) => kind === 'openvino').map(({name}) => name)
  }

  async load(models: readonly string[]): Promise<void> {
    await this.#service.prepare(models)
  }

  /**
   * Refuses what must not be begun.
   *
   * @throws {NpuBridgeError} DEADLINE_EXCEEDED; UNSUPPORTED_OPERATION for a job with a wrong signature, or none where
   *   there is a key
   */
  check(job: Job): void {
    const {clock, key} = this.#options
    if (key !== null && !isSigned(job, key)) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'the job is not signed with the key of this worker', {
        suggestions: ['give caller and worker the same NPUBRIDGE_CLUSTER_KEY'],
      })
    }

    const late = job.deadline === null ? 0 : clock.now() - job.deadline
    if (late > 0) {
      throw new NpuBridgeError(
        'DEADLINE_EXCEEDED',
        `the deadline was ${Math.ceil(late)} ms ago when a worker took the job`,
      )
    }
  }

  /** @throws {NpuBridgeError} what the operation fails with */
  async run(job: Job, signal: AbortSignal): Promise<Answer> {
    const {tensors} = this.#options
    const result = job.agent === undefined ? await this.#runLine(job, signal) : await this.#runAgent(job, signal)
    const parcel = parcelOfResult(result)
    return {text: parcel.text, tensors: await tensors.put(parcel.tensors)}
  }

  async #runLine(
    {deadline, line = '', priority, reply, tensors: references}: Job,
    signal: AbortSignal,
  ): Promise<OperationResult> {
    const {clock, tensors} = this.#options
    const bytes = references.length === 0 ? [] : await tensors.get(references)
    const operation = await operationOf({text: line, tensors: bytes}, MOST_ELEMENTS)
    const remaining = deadline === null ? undefined : deadline - clock.now()
    if (remaining !== undefined && remaining <= 0) throw tooLate()
    return runOperation(
      operation,
      {priority, signal, ...(remaining !== undefined && {timeoutMs: remaining})},
      {client: reply, limits: {tensorElements: MOST_ELEMENTS}, service: this.#service},
    )
  }

  /** A program has no queue that keeps its deadline, so a timer does. */
  async #runAgent(job: Job, signal: AbortSignal): Promise<OperationResult> {
    const {agents, clock, engine, key} = this.#options
    const started = performance.now()
    const limit = new AbortController()
    const timer =
      job.deadline === null
        ? undefined
        : setTimeout(
            () => {
              limit.abort(tooLate())
            },
            Math.max(0, job.deadline - clock.now()),
          )
    try {
      const data = await agents.run(
        {agent: job.agent!, isSigned: key !== null && isSigned(job, key)},
        engine,
        AbortSignal.any([signal, limit.signal]),
      )
      const totalUs = (performance.now() - started) * 1000
      return {...OF_TASK, data, engine: engine.kind, computeUs: totalUs, totalUs}
    } catch (error) {
      throw limit.signal.aborted ? tooLate() : error
    } finally {
      clearTimeout(timer)
    }
  }
}

function tooLate(): NpuBridgeError {
  return new NpuBridgeError('DEADLINE_EXCEEDED', 'the deadline came before the work was begun')
}
