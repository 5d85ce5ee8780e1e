/**
 * The one error taxonomy of npubridge, shared by name with the Rust engine, the Python package and the HTTP server.
 * A code never changes its meaning; messages name the offending value and the place.
 */
export const ERROR_CODES = [
  'RUNTIME_NOT_FOUND',
  'DEVICE_UNAVAILABLE',
  'DEVICE_LOST',
  'MODEL_NOT_FOUND',
  'MODEL_INVALID',
  'SHAPE_MISMATCH',
  'DTYPE_MISMATCH',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'QUEUE_FULL',
  'RESOURCE_EXHAUSTED',
  'UNSUPPORTED_OPERATION',
  'INVALID_ARGUMENT',
  'CONFIG_INVALID',
  'LEGACY_FAILED',
  'PROTOCOL_ERROR',
  'INTERNAL',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** Process exit codes, one meaning each, for every command. */
export const EXIT = {
  error: 1,
  usage: 2,
  checkFailed: 3,
  guardRefused: 4,
  rolledBack: 5,
  interrupted: 130,
} as const

/** What an error looks like in JSON, on every channel. */
export interface ErrorReport {
  readonly code: ErrorCode
  readonly message: string
  readonly suggestions: readonly string[]
  /** What it came from, in the words of whoever reported it: a loader, a device, OpenVINO. */
  readonly cause?: string
}

export class NpuBridgeError extends Error {
  override readonly name = 'NpuBridgeError'
  readonly code: ErrorCode
  /** What to do, each a sentence or a command that can be pasted. */
  readonly suggestions: readonly string[]
  /** What a command that fails with this error ends with. */
  readonly exitCode: number

  constructor(
    code: ErrorCode,
    message: string,
    options: {cause?: unknown; suggestions?: readonly string[]; exitCode?: number} = {},
  ) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    this.code = code
    this.suggestions = options.suggestions ?? []
    this.exitCode = options.exitCode ?? EXIT.error
  }

  toJSON(): ErrorReport {
    const {cause, code, message, suggestions} = this
    return {code, message, suggestions, ...(typeof cause === 'string' && {cause})}
  }
}

/** Any thrown value as an {@link NpuBridgeError}; what is not one of ours is INTERNAL and keeps its cause. */
export function asNpuBridgeError(error: unknown): NpuBridgeError {
  if (error instanceof NpuBridgeError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new NpuBridgeError('INTERNAL', message, {cause: error})
}
