/** Signatures of jobs: an HMAC-SHA256 with the key that the members of a pool share. */
import {createHmac, timingSafeEqual} from 'node:crypto'

import {type Job, JOB_VERSION} from './job.ts'

/** What is signed: everything that decides what is done, for whom and until when. */
type Signed = Omit<Job, 'sig'>

export function sign(job: Signed, key: string): string {
  const {agent, deadline, id, key: idempotency, line, need, priority, reply, tensors} = job
  const {device, model = null, stream = false} = need
  const work = [line ?? null, agent ?? null, tensors, idempotency ?? null]
  const text = JSON.stringify([JOB_VERSION, id, reply, priority, deadline, [device, model, stream], work])
  return createHmac('sha256', key).update(text).digest('base64url')
}

/** Whether `job` was signed with `key`; compared in a time that tells nothing. */
export function isSigned(job: Job, key: string): boolean {
  if (job.sig === undefined) return false
  const [given, right] = [Buffer.from(job.sig), Buffer.from(sign(job, key))]
  return given.length === right.length && timingSafeEqual(given, right)
}
