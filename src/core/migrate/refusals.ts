import {EXIT, NpuBridgeError} from '../errors.ts'

/** A guard said no: nothing was changed, and the suggestions say what would let it pass. */
export function guardRefused(message: string, suggestions: readonly string[], cause?: unknown): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', message, {exitCode: EXIT.guardRefused, suggestions, cause})
}

/** A word for an error of the file system, with what it means here. */
export function fileSystemError(error: unknown, doing: string, consequence: string): NpuBridgeError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new NpuBridgeError('RESOURCE_EXHAUSTED', `the disk is full: ${doing} failed (${code}). ${consequence}`, {
      cause: error,
      suggestions: ['free some space and try again'],
    })
  const why = error instanceof Error ? error.message : String(error)
  const isDenied = code === 'EACCES' || code === 'EPERM'
  return new NpuBridgeError('INTERNAL', `${doing} failed: ${why}. ${consequence}`, {
    cause: error,
    suggestions: isDenied ? ['run npubridge as the owner of the files, so that they keep their owner'] : [],
  })
}
