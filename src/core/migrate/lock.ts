import {Buffer} from 'node:buffer'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {z} from 'zod'

import {type Effects, errorCode, type FileSystem, type Host} from './effects.ts'
import {guardRefused} from './refusals.ts'

/**
 * One migration at a time in a tree. Every contender puts down a file of its own and then looks for others: of two that
 * overlap at least one sees the other and withdraws, and a file whose process is gone can be removed by anyone, because
 * its name is never used again.
 */
const LOCK_FILE = /^lock-[0-9a-f]+\.json$/

const HOLDER = z.object({
  pid: z.int(),
  host: z.string(),
  bootId: z.string().nullable(),
  start: z.string().nullable(),
  since: z.string(),
})

type Holder = z.infer<typeof HOLDER>

/** Two that withdrew at once try again after a random time; more often than this is no accident. */
const ATTEMPTS = 4
const LONGEST_PAUSE_MS = 120

function isGone(holder: Holder, host: Host): boolean {
  // Whether a process on another machine still runs cannot be seen from here.
  if (holder.host !== host.name) return false
  const isFromEarlierBoot = host.bootId !== null && holder.bootId !== null && holder.bootId !== host.bootId
  if (isFromEarlierBoot) return true
  const isAnother = holder.start !== null && holder.start !== host.startOf(holder.pid)
  return isAnother || !host.isAlive(holder.pid)
}

function readHolder(fs: FileSystem, file: string): Holder | null {
  try {
    return HOLDER.parse(JSON.parse(fs.readFile(file).toString('utf8')))
  } catch (error) {
    // Released while we looked; anything else is no lock of ours and is treated as held.
    if (errorCode(error) === 'ENOENT') return null
    return {pid: -1, host: path.basename(file), bootId: null, start: null, since: 'unknown'}
  }
}

/** A live holder other than `own`; files of dead ones are cleared away. */
function otherHolder(effects: Effects, folder: string, own: string): {file: string; holder: Holder} | null {
  for (const {name} of effects.fs.list(folder)) {
    const file = path.join(folder, name)
    if (file === own || !LOCK_FILE.test(name)) continue
    const holder = readHolder(effects.fs, file)
    if (!holder) continue
    if (!isGone(holder, effects.host)) return {file, holder}
    removeIfThere(effects.fs, file)
  }

  return null
}

function removeIfThere(fs: FileSystem, file: string): void {
  try {
    fs.removeFile(file)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

/** Older than this, a draft is not about to be linked into place any more: its process died in between. */
const DRAFT_AGE_MS = 60_000

function clearDrafts(effects: Effects, folder: string): void {
  for (const {name} of effects.fs.list(folder)) {
    const file = path.join(folder, name)
    const age = effects.clock.now().getTime() - (effects.fs.stat(file)?.mtimeMs ?? 0)
    if (/^draft-[0-9a-f]+$/.test(name) && age > DRAFT_AGE_MS) removeIfThere(effects.fs, file)
  }
}

export interface Lock {
  release(): void
}

/**
 * Takes the lock in `folder`, which exists.
 *
 * @throws {Error} with exit code 4 when another process holds it.
 */
export async function takeLock(effects: Effects, folder: string): Promise<Lock> {
  const {fs, clock, host} = effects
  const holder: Holder = {
    pid: host.pid,
    host: host.name,
    bootId: host.bootId,
    start: host.startOf(host.pid),
    since: clock.now().toISOString(),
  }
  for (let attempt = 1; ; attempt += 1) {
    const id = clock.random(12)
    const own = path.join(folder, `lock-${id}.json`)
    // Linked into place complete, so that nobody reads half a lock.
    const draft = path.join(folder, `draft-${id}`)
    fs.createFile(draft, Buffer.from(JSON.stringify(holder)))
    fs.rename(draft, own)
    const other = otherHolder(effects, folder, own)
    if (!other) {
      clearDrafts(effects, folder)
      return {
        release() {
          removeIfThere(fs, own)
        },
      }
    }

    removeIfThere(fs, own)
    if (attempt === ATTEMPTS)
      throw guardRefused(
        `another npubridge migrate works here: process ${other.holder.pid} on ${other.holder.host}, since ${other.holder.since}`,
        ['wait until it is done', `if it is gone, delete ${other.file}`],
      )
    await setTimeout(1 + (Number.parseInt(clock.random(4), 16) % LONGEST_PAUSE_MS))
  }
}
