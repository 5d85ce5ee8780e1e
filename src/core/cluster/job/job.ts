/** What a job of BullMQ carries, in one schema that callers and workers both check: one operation or several. */
import {z} from 'zod'

import {PRIORITIES} from '../../engine/engine.ts'
import {NpuBridgeError} from '../../errors.ts'

/** Raised when a worker of before could not understand a job of now. */
export const JOB_VERSION = 2

const ID = /^[\w-]{8,64}$/
const MOST_LINE = 32 * 2 ** 20
/** Operations of one bundle, whoever made it. */
const MOST_TOGETHER = 256
/** Names only: an agent is looked up in the worker's own list. */
const AGENT_NAME = /^[\w .-]{1,200}$/u

const base64 = z.base64()

/** Where the bytes of a tensor are: in the job, in a Redis value, or in a file of the shared folder. */
export const tensorReference = z.union([
  z.strictObject({inline: base64}),
  z.strictObject({redis: z.string().regex(ID), bytes: z.int().min(0)}),
  z.strictObject({file: z.string().regex(ID), bytes: z.int().min(0)}),
])
export type TensorReference = z.output<typeof tensorReference>

/** A task of a workflow, for an agent that the worker knows by name. */
const agentTask = z.strictObject({
  name: z.string().regex(AGENT_NAME),
  task_id: z.string().max(400),
  workflow_id: z.string().max(4096),
  description: z.string().max(2 ** 20),
  inputs: z.record(z.string(), z.unknown()),
  attempt: z.int().min(1),
})
export type AgentTask = z.output<typeof agentTask>

/** One operation, complete in itself: it may be sent on alone, whatever it came with. */
const jobSchema = z
  .strictObject({
    id: z.string().regex(ID),
    /** Whose stream the answer goes to. */
    reply: z.string().regex(ID),
    priority: z.enum(PRIORITIES),
    /** Milliseconds on Redis's clock; null for none. */
    deadline: z.number().nullable(),
    /** What a node must have or had better have to run it. */
    need: z.strictObject({
      device: z.enum(['auto', 'npu', 'gpu', 'cpu']),
      model: z.string().max(4096).optional(),
      /** It goes on with a stream whose state is on one node. */
      stream: z.boolean().optional(),
    }),
    /** The operation, as a line of `npubridge run` without id, priority and timeout. */
    line: z.string().max(MOST_LINE).optional(),
    agent: agentTask.optional(),
    /** The tensors of `line`, in their order. */
    tensors: z.array(tensorReference).max(1000),
    /** An idempotency key: jobs with the same one have one answer. */
    key: z.string().min(1).max(200).optional(),
    sig: z.string().max(100).optional(),
  })
  .refine(({agent, line}) => (agent === undefined) !== (line === undefined), 'either line or agent')
export type Job = z.output<typeof jobSchema>

/** @throws {NpuBridgeError} INVALID_ARGUMENT naming the field that no job may have so */
export function checkJob(job: Job): Job {
  const parsed = jobSchema.safeParse(job)
  if (parsed.success) return parsed.data
  throw new NpuBridgeError('INVALID_ARGUMENT', `the operation makes no job: ${issueText(parsed.error)}`)
}

const bundleSchema = z.strictObject({
  v: z.literal(JOB_VERSION),
  /** How often its operations were begun in other bundles before; not signed, since workers write it. */
  begun: z.int().min(0).max(1000),
  /** Why it was given up: its caller has been told, and it is here for the list of failed jobs alone. */
  failure: z.string().max(10_000).optional(),
  jobs: z.array(jobSchema).min(1).max(MOST_TOGETHER),
})
export type Bundle = z.output<typeof bundleSchema>

export function bundleOf(jobs: readonly Job[], {begun = 0, failure}: Partial<Bundle> = {}): Bundle {
  return {v: JOB_VERSION, begun, ...(failure !== undefined && {failure}), jobs: [...jobs]}
}

/**
 * What came out of the queue.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION for one of another version, with both; PROTOCOL_ERROR for one that is
 *   none
 */
export function readBundle(data: unknown): Bundle {
  const version = versionOf(data)
  if (version !== undefined && version !== JOB_VERSION) {
    throw new NpuBridgeError(
      'UNSUPPORTED_OPERATION',
      `the job has version ${version}, this worker takes version ${JOB_VERSION}`,
      {suggestions: ['Run the same version of npubridge on every host of the pool.']},
    )
  }

  const parsed = bundleSchema.safeParse(data)
  if (parsed.success) return parsed.data
  throw new NpuBridgeError('PROTOCOL_ERROR', `the job is malformed: ${issueText(parsed.error)}`)
}

/** Operations in a job, without a look at what they are; 1 where it cannot be told. */
export function operationsIn(data: unknown): number {
  return typeof data === 'object' && data !== null && 'jobs' in data && Array.isArray(data.jobs) ? data.jobs.length : 1
}

function versionOf(data: unknown): number | undefined {
  if (typeof data !== 'object' || data === null || !('v' in data)) return undefined
  return typeof data.v === 'number' ? data.v : undefined
}

const addressSchema = z.looseObject({id: z.string().regex(ID), reply: z.string().regex(ID)})

type Address = Pick<z.output<typeof addressSchema>, 'id' | 'reply'>

/** Whom to tell that a job cannot be understood, of whatever version it is; none where not even that can be told. */
export function addressesIn(data: unknown): Address[] {
  const all =
    typeof data === 'object' && data !== null && 'jobs' in data && Array.isArray(data.jobs) ? data.jobs : [data]
  return all
    .slice(0, MOST_TOGETHER)
    .map((each: unknown) => addressSchema.safeParse(each).data)
    .filter((address) => address !== undefined)
}

function issueText({issues}: z.ZodError): string {
  return issues
    .slice(0, 3)
    .map(({message, path}) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ')
}
