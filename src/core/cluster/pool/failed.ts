/** Jobs that were given up: the dead letters of a pool. */
import type {Job as BullJob} from 'bullmq'

import type {ClusterSettings} from '../options.ts'

import {NpuBridgeError} from '../../errors.ts'
import {type Bundle, readBundle} from '../job/job.ts'
import {PoolClock} from '../redis/clock.ts'
import {Pool} from './pool.ts'

export interface FailedJob {
  readonly id: string
  readonly lane: string
  /** The type of the operation, or the agent; null where the job cannot be understood. */
  readonly what: null | string
  readonly model: null | string
  readonly priority: null | string
  /** How often it was begun. */
  readonly attempts: number
  readonly reason: string
  readonly failedAt: string
}

const MOST_LISTED = 1000

/** Those of all lanes, the latest first. */
export async function failedJobs(settings: ClusterSettings): Promise<FailedJob[]> {
  await using pool = await Pool.open(settings)
  const all: FailedJob[] = []
  for (const lane of await pool.lanes()) {
    const jobs = await pool.queues.get(lane).getFailed(0, MOST_LISTED - 1)
    all.push(...jobs.map((job) => describe(job, lane)))
  }

  return all.toSorted((a, b) => b.failedAt.localeCompare(a.failedAt, 'en')).slice(0, MOST_LISTED)
}

function describe({attemptsStarted, data, failedReason, finishedOn, id}: BullJob, lane: string): FailedJob {
  const bundle = understood(data)
  const only = bundle?.jobs.length === 1 ? bundle.jobs[0] : undefined
  return {
    id: id ?? '',
    lane,
    what: bundle === undefined ? null : whatOf(bundle),
    model: only?.need.model ?? null,
    priority: bundle?.jobs[0]?.priority ?? null,
    attempts: beginnings(attemptsStarted, bundle),
    reason: failedReason,
    failedAt: new Date(finishedOn ?? 0).toISOString(),
  }
}

/** What was given up among others is taken once more, for this list. */
function beginnings(started: number, bundle: Bundle | undefined): number {
  return (bundle?.begun ?? 0) + started - (bundle?.failure === undefined ? 0 : 1)
}

function understood(data: unknown): Bundle | undefined {
  try {
    return readBundle(data)
  } catch {
    return undefined
  }
}

function whatOf({jobs}: Bundle): string {
  const {agent, line} = jobs[0]!
  if (jobs.length > 1) return `${jobs.length} operations`
  if (agent !== undefined) return `agent ${agent.name}`
  return /"type":"(\w+)"/.exec(line ?? '')?.[1] ?? 'operation'
}

export interface RequeueReport {
  readonly requeued: readonly string[]
  readonly skipped: ReadonlyArray<{readonly id: string; readonly reason: string}>
}

/**
 * Gives failed jobs another try. Whoever waited for them has been told that they failed; what they give now is kept for
 * nobody, unless they have an effect of their own.
 *
 * @param ids which; all when undefined
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an id that no failed job has
 */
export async function requeue(settings: ClusterSettings, ids: readonly string[] | undefined): Promise<RequeueReport> {
  await using pool = await Pool.open(settings)
  const clock = new PoolClock()
  await clock.synchronize(pool.link.redis)
  const found = new Map<string, BullJob>()
  for (const lane of await pool.lanes()) {
    for (const job of await pool.queues.get(lane).getFailed(0, -1)) found.set(job.id!, job)
  }

  const unknown = ids?.find((id) => !found.has(id))
  if (unknown !== undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `no failed job has the id ${JSON.stringify(unknown)}`, {
      suggestions: ['npubridge cluster failed    lists them'],
    })
  }

  const requeued: string[] = []
  const skipped: Array<{id: string; reason: string}> = []
  for (const id of ids ?? found.keys()) {
    const job = found.get(id)!
    const reason = whyNot(job, clock.now())
    if (reason === null) {
      const {begun: _begun, failure: _failure, ...asNew} = understood(job.data)!
      await job.updateData({...asNew, begun: 0})
      await job.retry('failed', {resetAttemptsMade: true, resetAttemptsStarted: true})
      requeued.push(id)
    } else skipped.push({id, reason})
  }

  return {requeued, skipped}
}

/** What would only fail again. */
function whyNot({data}: BullJob, now: number): null | string {
  const bundle = understood(data)
  if (bundle === undefined) return 'no worker of this version understands it'
  const isLate = bundle.jobs.every(({deadline}) => deadline !== null && deadline < now)
  return isLate ? 'its deadline is over: submit it anew' : null
}
