/** Where a caller sends a job, or why it can send it nowhere. */
import type {Job} from '../job/job.ts'
import type {CallerParts} from './caller.ts'

import {NpuBridgeError} from '../../errors.ts'
import {place, type Placement} from '../placement/place.ts'
import {noWorkers} from './outage.ts'

/**
 * @param pinned the node that has the state of the job's stream
 * @throws {NpuBridgeError} DEVICE_UNAVAILABLE where no node can run it
 */
export function placementOf(
  {agent, need}: Job,
  pinned: string | undefined,
  {link, view}: Pick<CallerParts, 'link' | 'view'>,
): Placement {
  const found = place(
    {agent: agent?.name.toLowerCase(), device: need.device, model: need.model, pinned},
    view.candidates,
  )
  if (found) return found
  if (agent !== undefined) {
    throw new NpuBridgeError(
      'DEVICE_UNAVAILABLE',
      `no worker of the pool runs the agent ${JSON.stringify(agent.name)}`,
      {suggestions: [`npubridge worker --agents DIR --allow-agent ${agent.name}`]},
    )
  }

  if (need.device !== 'auto' && view.candidates.some(({isOpen}) => isOpen)) {
    throw new NpuBridgeError('DEVICE_UNAVAILABLE', `no node of the pool has the device ${need.device}`, {
      suggestions: ['npubridge cluster nodes    shows which have what'],
    })
  }

  // Between two heartbeats, or while workers are started again, there may be none: that is borne for a time.
  if (need.device === 'auto' && view.emptySince !== undefined) return {requirement: 'any', reason: 'shared'}
  throw noWorkers(link.shown)
}
