import {distance} from 'fastest-levenshtein'
import path from 'node:path'

import {EXIT, NpuBridgeError} from '../errors.ts'
import {errorCode, type FileSystem} from './effects.ts'

export const SUBCOMMANDS = ['history', 'promote', 'rollback', 'scan', 'status'] as const

/** The subcommand that a mistyped word was meant to be, or null. */
export function resembledSubcommand(word: string): string | null {
  const lower = word.toLowerCase()
  return SUBCOMMANDS.find((name) => distance(lower, name) <= 2 || (lower.length >= 3 && name.startsWith(lower))) ?? null
}

/**
 * The folder to work in, absolute and without links.
 *
 * @throws {NpuBridgeError} with exit code 2 when there is no such folder.
 */
export function resolveRoot(fs: FileSystem, given: string): string {
  const absolute = path.resolve(given)
  let root: string
  try {
    root = fs.realPath(absolute)
  } catch (error) {
    if (!['ELOOP', 'ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error
    const meant = /[/\\]/.test(given) ? null : resembledSubcommand(given)
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is no folder ${absolute}`, {
      cause: error,
      exitCode: EXIT.usage,
      suggestions: meant ? [`npubridge migrate ${meant} .`] : ['name the root of the code base: npubridge migrate .'],
    })
  }

  if (fs.stat(root)?.kind !== 'folder')
    throw new NpuBridgeError('INVALID_ARGUMENT', `${absolute} is not a folder`, {
      exitCode: EXIT.usage,
      suggestions: [`name the root of the code base: npubridge migrate "${path.dirname(absolute)}"`],
    })
  return root
}
