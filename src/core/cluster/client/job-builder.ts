/** Makes the jobs of a caller. */
import {createHash, randomUUID} from 'node:crypto'

import type {DevicePreference, Operation, SubmitOptions} from '../../engine/engine.ts'
import type {ClusterOptions} from '../options.ts'
import type {PoolClock} from '../redis/clock.ts'

import {NpuBridgeError} from '../../errors.ts'
import {isModelName} from '../../serve/service/model-folder.ts'
import {type AgentTask, checkJob, type Job, type TensorReference} from '../job/job.ts'
import {sign} from '../job/signature.ts'

export interface ClusterSubmitOptions extends SubmitOptions {
  /** Only a node that has this device runs it. @default 'auto' */
  readonly device?: DevicePreference | undefined
  /** Operations with the same key, also of other callers, are one: it is run once, and its answer is kept for a time. */
  readonly idempotencyKey?: string | undefined
}

/** What is to be done: an operation as a line, or the task of an agent. */
export type Work =
  | {readonly agent: AgentTask}
  | {readonly line: string; readonly need: Omit<Job['need'], 'device'>; readonly tensors: readonly TensorReference[]}

export class JobBuilder {
  readonly #caller: string
  readonly #clock: PoolClock
  readonly #key: ClusterOptions['key']

  constructor(caller: string, clock: PoolClock, {key}: Pick<ClusterOptions, 'key'>) {
    this.#caller = caller
    this.#clock = clock
    this.#key = key
  }

  /** @throws {NpuBridgeError} INVALID_ARGUMENT for what fits into no job */
  build(work: Work, {device = 'auto', idempotencyKey, priority = 'normal', timeoutMs}: ClusterSubmitOptions): Job {
    const job: Job = {
      id: randomUUID(),
      reply: this.#caller,
      priority,
      deadline: timeoutMs === undefined ? null : this.#clock.now() + timeoutMs,
      need: {device, ...('need' in work && work.need)},
      ...('agent' in work ? {agent: work.agent, tensors: []} : {line: work.line, tensors: [...work.tensors]}),
      ...(idempotencyKey !== undefined && {key: idempotencyKey}),
    }
    // What is signed is what the worker reads, in the order of its schema.
    const checked = checkJob(job)
    return this.#key === null ? checked : {...checked, sig: sign(checked, this.#key)}
  }
}

/** The job's id in BullMQ: with an idempotency key the same for all who give it. */
export function jobIdOf({id, key}: Job): string {
  return key === undefined ? id : `key-${createHash('sha256').update(key).digest('hex').slice(0, 40)}`
}

/**
 * What a node must have for an operation.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a model by its path, which means something on this host only
 */
export function needOf(operation: Operation): Omit<Job['need'], 'device'> {
  const model = 'model' in operation ? operation.model : undefined
  if (model !== undefined && !isModelName(model)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `model is ${JSON.stringify(model)}; a pool knows models by name`, {
      suggestions: ['put the model into the folder of models of every worker, and give its name'],
    })
  }

  const isStream = operation.type === 'inference' && operation.stream !== undefined
  return {...(model !== undefined && {model}), ...(isStream && {stream: true})}
}
