import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'

const FULL = new Set(['EDQUOT', 'ENOSPC'])
const REASONS = new Map([
  ['EACCES', 'this user may not write there'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EEXIST', 'a file is where a folder should be'],
  ['ENOSPC', 'no space is left on the disk'],
  ['ENOTDIR', 'a file is where a folder should be'],
  ['EPERM', 'this user may not write there'],
  ['EROFS', 'the file system is read-only'],
])

/**
 * A failed write as an error that says what to do: RESOURCE_EXHAUSTED for a full disk, CONFIG_INVALID for a folder
 * that cannot be written. Anything else passes through {@link asNpuBridgeError}.
 */
export function asStorageError(error: unknown, folder: string): NpuBridgeError {
  const {code = '', path: place = folder} = (error ?? {}) as NodeJS.ErrnoException
  const reason = REASONS.get(code)
  if (reason === undefined || error instanceof NpuBridgeError) return asNpuBridgeError(error)
  return new NpuBridgeError(
    FULL.has(code) ? 'RESOURCE_EXHAUSTED' : 'CONFIG_INVALID',
    `Cannot write ${place}: ${reason} (${code}).`,
    {cause: error, suggestions: suggestionsFor(code, folder)},
  )
}

function suggestionsFor(code: string, folder: string): string[] {
  const elsewhere = 'Keep everything in another folder: export NPUBRIDGE_HOME=/path/to/folder'
  if (code === 'EROFS') return [elsewhere]
  return [FULL.has(code) ? `Free some space: df -h ${folder}` : `See who owns it: ls -ld ${folder}`, elsewhere]
}

/** Runs `work` and explains what went wrong with the disk, if that is what went wrong. */
export async function withStorageErrors<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asStorageError(error, folder)
  }
}
