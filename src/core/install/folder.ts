import {randomUUID} from 'node:crypto'
import {mkdir, readdir, rename, rm, stat} from 'node:fs/promises'
import path from 'node:path'

/**
 * Makes `target` whole or not at all: `fill` works in a folder beside it, which takes the place of `target` by a
 * rename once everything is there. What an interrupted run left behind is removed first, so the caller must hold the
 * lock of `target`.
 */
export async function installFolder<T>(target: string, fill: (staging: string) => Promise<T>): Promise<T> {
  await ensureFolder(path.dirname(target))
  await cleanUp(target)
  const staging = nameFor(target, 'partial')
  try {
    // Not mkdtemp: its folders are closed to other users, and a shared installation must not be.
    await mkdir(staging)
    const result = await fill(staging)
    await replaceFolder(staging, target)
    return result
  } finally {
    await rm(staging, {recursive: true, force: true})
  }
}

/** Dot folders are what no reader of the parent folder takes for a result. */
function prefixOf(target: string, kind: 'old' | 'partial'): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${kind}-`)
}

function nameFor(target: string, kind: 'old' | 'partial'): string {
  return prefixOf(target, kind) + randomUUID().slice(0, 8)
}

/** Removes leftovers; a former version whose replacement never arrived is put back. */
async function cleanUp(target: string): Promise<void> {
  const names = await readdir(path.dirname(target))
  for (const old of matching(names, target, 'old')) {
    if (await exists(target)) await rm(old, {recursive: true, force: true})
    else await rename(old, target)
  }

  for (const partial of matching(names, target, 'partial')) await rm(partial, {recursive: true, force: true})
}

function matching(names: readonly string[], target: string, kind: 'old' | 'partial'): string[] {
  const prefix = path.basename(prefixOf(target, kind))
  return names.filter((name) => name.startsWith(prefix)).map((name) => path.join(path.dirname(target), name))
}

/** A folder cannot be renamed over another that holds files, so the former one steps aside first. */
async function replaceFolder(staging: string, target: string): Promise<void> {
  if (!(await exists(target))) return rename(staging, target)
  const old = nameFor(target, 'old')
  await rename(target, old)
  try {
    await rename(staging, target)
  } catch (error) {
    await rename(old, target)
    throw error
  }

  await rm(old, {recursive: true, force: true})
}

/** Whether something is at `file`. */
export async function exists(file: string): Promise<boolean> {
  return stat(file)
    .then(() => true)
    .catch(() => false)
}

/** `folder` itself if it exists, else the nearest folder above it that does. */
export async function nearestExisting(folder: string): Promise<string> {
  const parent = path.dirname(folder)
  return parent === folder || (await exists(folder)) ? folder : nearestExisting(parent)
}

/** Makes `folder` and what is missing above it, and fails with the reason of the system if it cannot. */
export async function ensureFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, {recursive: true})
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // Node says ENOENT for EROFS when it makes several folders; a single one fails with the truth.
    const present = await nearestExisting(path.resolve(folder))
    const [missing] = path.relative(present, folder).split(path.sep, 1)
    await mkdir(path.join(present, missing!))
    await mkdir(folder, {recursive: true})
  }
}
