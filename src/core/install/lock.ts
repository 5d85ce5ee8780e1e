import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {lock} from 'proper-lockfile'

import {throwIfCancelled} from '../process/run.ts'
import {ensureFolder} from './folder.ts'

/** A holder that has not touched its lock for so long is gone: it was killed, or the machine was switched off. */
const STALE_MS = 10_000
const POLL_MS = 200

export interface LockOptions {
  readonly signal?: AbortSignal | undefined
  /** Called once when another process holds the lock and this one starts to wait. */
  readonly onWait?: () => void
}

/**
 * Runs `work` under the lock of `target`, a file or folder that need not exist yet. Other processes that want the same
 * lock wait. The lock of a process that was killed becomes free after ten seconds.
 *
 * @throws {Error} CANCELLED when `signal` is aborted while waiting
 */
export async function withLock<T>(
  target: string,
  options: LockOptions,
  work: (hadToWait: boolean) => Promise<T>,
): Promise<T> {
  await ensureFolder(path.dirname(target))
  const {release, hadToWait} = await acquire(target, options)
  try {
    return await work(hadToWait)
  } finally {
    await release().catch(() => {
      // It was lost meanwhile, so it cannot be given back; what was done under it was committed by a rename.
    })
  }
}

async function acquire(
  target: string,
  {signal, onWait}: LockOptions,
): Promise<{hadToWait: boolean; release: () => Promise<void>}> {
  const lockfilePath = path.join(path.dirname(target), `.${path.basename(target)}.lock`)
  let hadToWait = false
  for (;;) {
    throwIfCancelled(signal)
    try {
      const onCompromised = () => {
        // See above; the default would throw where nobody catches.
      }

      const release = await lock(target, {lockfilePath, realpath: false, stale: STALE_MS, onCompromised})
      return {release, hadToWait}
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error
    }

    if (!hadToWait) onWait?.()
    hadToWait = true
    await pause(signal)
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(POLL_MS, undefined, signal ? {signal} : {})
  } catch (error) {
    throwIfCancelled(signal)
    throw error
  }
}
