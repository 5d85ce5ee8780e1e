/** Which operations of one turn go into one job. */
import type {Pending} from './pending.ts'

export interface Companion {
  readonly pending: Pick<Pending, 'job'>
  /** The timeout that it was submitted with: those of a company are late together. */
  readonly timeoutMs: number | undefined
}

/** Of lines and of tensors within them; a larger operation has a job of its own. */
const MOST_BYTES = 256 * 1024

/**
 * Those with the same priority and timeout together, in their order. One with an idempotency key is alone, since others
 * may wait for it, and so is the task of an agent, which may take as long as it likes.
 *
 * @param most how many go into one job
 */
export function companies<T extends Companion>(submissions: readonly T[], most: number): T[][] {
  const all: T[][] = []
  const open = new Map<string, {readonly members: T[]; bytes: number}>()
  for (const submission of submissions) {
    const {job} = submission.pending
    const bytes = bytesOf(job)
    if (most < 2 || job.key !== undefined || job.agent !== undefined || bytes > MOST_BYTES / 2) {
      all.push([submission])
      continue
    }

    const kind = `${job.priority} ${submission.timeoutMs ?? ''}`
    const group = open.get(kind)
    if (group && group.members.length < most && group.bytes + bytes <= MOST_BYTES) {
      group.members.push(submission)
      group.bytes += bytes
      continue
    }

    const members = [submission]
    open.set(kind, {bytes, members})
    all.push(members)
  }

  return all
}

function bytesOf({line = '', tensors}: Pending['job']): number {
  return tensors.reduce((sum, each) => sum + ('inline' in each ? each.inline.length : 0), line.length)
}
