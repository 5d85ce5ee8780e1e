/** Takes a node out of a pool for a time, without losing what it has. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Announcement} from '../node/announcement.ts'
import type {ClusterSettings} from '../options.ts'

import {NpuBridgeError} from '../../errors.ts'
import {Pool} from './pool.ts'

export interface DrainReport {
  readonly node: string
  readonly state: Announcement['state']
  readonly running: number
}

const LOOK_MS = 100

/**
 * Asks a node to take no more, or to take operations again, and waits until it has done so.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a name that no node has, DEADLINE_EXCEEDED where it takes longer than
 *   `waitMs`, and CANCELLED
 */
export async function drain(
  settings: ClusterSettings,
  {
    name,
    signal,
    undo,
    waitMs,
  }: {readonly name: string; readonly signal: AbortSignal; readonly undo: boolean; readonly waitMs: number},
): Promise<DrainReport> {
  await using pool = await Pool.open(settings)
  await pool.node(name)
  await pool.directory.wish(name, !undo)
  const wanted = undo ? 'ready' : 'drained'
  const end = performance.now() + waitMs
  for (;;) {
    const node = await pool.directory.find(name)
    // One that has left has nothing any more, either.
    if (!node || node.state === wanted)
      return {node: name, running: node?.running ?? 0, state: node?.state ?? 'drained'}
    if (signal.aborted)
      throw new NpuBridgeError('CANCELLED', 'interrupted; the node goes on with what it was asked for')
    if (performance.now() > end) {
      throw new NpuBridgeError(
        'DEADLINE_EXCEEDED',
        `${name} is ${node.state} after ${waitMs} ms and has ${node.running} operations`,
        {
          suggestions: [
            'it goes on: npubridge cluster nodes    shows when it is done',
            `npubridge cluster drain ${name} --undo`,
          ],
        },
      )
    }

    await sleep(LOOK_MS)
  }
}
