/** How many operations of one lane go into one job: enough to save trips to Redis, few enough for nodes to share them. */
import type {Candidate} from './place.ts'

import {readsLane} from '../lane/lane.ts'

/** What a job of BullMQ costs is spread over so many operations well enough. */
const MOST_TOGETHER = 16
/**
 * Jobs for each node that has a place free, so that a slow one takes less than a fast one; and jobs in all places of a
 * node, so that what is urgent has more of them than what makes way for it.
 */
const SHARES = 4

/**
 * @param count operations that are under way in the lane, those that are to go there now included
 * @returns how many of them may be in one job, 1 or more
 */
export function mostTogether(count: number, lane: string, nodes: readonly Candidate[]): number {
  let readers = 0
  let free = 0
  let leastCapacity = MOST_TOGETHER * SHARES
  for (const node of nodes) {
    if (!node.isOpen || !readsLane(node.name, node.devices, lane)) continue
    readers++
    if (node.load < 1) free++
    leastCapacity = Math.min(leastCapacity, node.capacity)
  }

  // Where all places are taken, whoever is free first takes a job.
  const sharing = Math.max(1, free > 0 ? free : readers)
  return Math.max(1, Math.min(Math.floor(leastCapacity / SHARES), Math.ceil(count / (sharing * SHARES))))
}
