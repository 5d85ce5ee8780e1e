/** Unpacks a captured snapshot that a stranger may have made. */
import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as tar from 'tar'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

const MOST_ENTRIES = 20_000
const MOST_BYTES = 64 << 20
const KINDS = new Set(['Directory', 'File', 'OldFile', 'SymbolicLink'])

/**
 * Unpacks into a temporary folder, which the caller removes with `remove`.
 *
 * The whole archive is looked at first: a path that leads out of it, a device, or more than 64 MiB is INVALID_ARGUMENT
 * and nothing is written.
 */
export async function unpack(file: string): Promise<{folder: string; remove: () => void}> {
  await refuseHarmful(file)
  const folder = mkdtempSync(path.join(os.tmpdir(), 'npubridge-root-'))
  const remove = () => {
    rmSync(folder, {force: true, recursive: true})
  }

  try {
    await tar.extract({cwd: folder, file, noChmod: true, preserveOwner: false, strict: true})
  } catch (error) {
    remove()
    throw unreadable(file, error)
  }

  return {folder, remove}
}

async function refuseHarmful(file: string): Promise<void> {
  let bytes = 0
  let entries = 0
  const harms: string[] = []
  const look = (entry: tar.ReadEntry) => {
    entries += 1
    bytes += entry.size ?? 0
    const harm = harmOf(entry)
    if (harm) harms.push(harm)
    if (entries > MOST_ENTRIES) harms.push(`it has more than ${MOST_ENTRIES} entries`)
    if (bytes > MOST_BYTES) harms.push('it unpacks to more than 64 MiB')
  }

  try {
    await tar.list({file, onReadEntry: look, strict: true})
  } catch (error) {
    throw unreadable(file, error)
  }

  const [harm] = harms
  if (harm) throw new NpuBridgeError('INVALID_ARGUMENT', `${file} was not unpacked: ${harm}`)
}

function harmOf({linkpath, path: name, type}: tar.ReadEntry): string | null {
  if (isOutside(name) || name.split('/').includes('..')) return `${JSON.stringify(name)} leads out of it`
  if (
    linkpath &&
    isOutside(path.posix.isAbsolute(linkpath) ? linkpath : path.posix.join(path.posix.dirname(name), linkpath))
  )
    return `the link ${JSON.stringify(name)} leads out of it`
  return KINDS.has(type) ? null : `${JSON.stringify(name)} is a ${type}`
}

function isOutside(name: string): boolean {
  return path.posix.isAbsolute(name) || path.posix.normalize(name).split('/', 1)[0] === '..'
}

function unreadable(file: string, error: unknown): NpuBridgeError {
  const {message} = asNpuBridgeError(error)
  return new NpuBridgeError('INVALID_ARGUMENT', `${file} is not a snapshot archive: ${message}`, {cause: error})
}
