/** What can go wrong with the Python child process, in words that say what to do. */
import {ERROR_CODES, type ErrorCode, NpuBridgeError} from '../errors.ts'
import {installHints, OLDEST_PYTHON, type PythonSystem} from './python.ts'

export interface LegacySubject extends PythonSystem {
  /** The user's module; undefined for the reference. */
  readonly module?: string | undefined
}

/** No Python could be started. */
export function noPython(commands: readonly string[], named: boolean, subject: LegacySubject): NpuBridgeError {
  const message = named
    ? `NPUBRIDGE_PYTHON is ${commands.join('')}, which cannot be run`
    : `there is no Python on PATH (tried ${commands.join(', ')})`
  return new NpuBridgeError('LEGACY_FAILED', message, {
    suggestions: [...(named ? ['unset NPUBRIDGE_PYTHON'] : []), ...installHints('python', undefined, subject)],
  })
}

/** The process says itself why it does not serve the module: `{reason, python, executable, missing, error}`. */
export function refusal(message: Readonly<Record<string, unknown>>, subject: LegacySubject): NpuBridgeError {
  const executable = String(message.executable)
  if (message.reason === 'python_too_old') {
    const found = `${executable} is Python ${String(message.python)}`
    return new NpuBridgeError('LEGACY_FAILED', `${found}, the legacy engine needs ${OLDEST_PYTHON} or newer`, {
      suggestions: ['export NPUBRIDGE_PYTHON=/path/to/a/newer/python3', ...installHints('python', undefined, subject)],
    })
  }

  const cause = errorOf(message.error)
  if (message.missing === 'numpy') {
    const what = `${nameOf(subject)} needs numpy, which ${executable} does not have`
    return new NpuBridgeError('LEGACY_FAILED', what, {cause, suggestions: installHints('numpy', executable, subject)})
  }

  return failed(`${nameOf(subject)} cannot be loaded: ${cause.message}`, subject, cause)
}

/** The process wrote something that is no answer. */
export function rubbish(what: string, subject: LegacySubject): NpuBridgeError {
  const cause = new NpuBridgeError('PROTOCOL_ERROR', `it wrote ${what} instead of an answer`)
  return failed(`the process of ${nameOf(subject)} broke the protocol: ${cause.message}`, subject, cause)
}

/**
 * The process ended or had to be ended.
 *
 * @param message what happened
 * @param subject the module it happened to
 * @param lastWords the last lines of its stderr
 */
export function ended(message: string, subject: LegacySubject, lastWords: readonly string[]): NpuBridgeError {
  if (lastWords.length === 0) return failed(message, subject)
  return failed(`${message}; it said last: ${lastWords.at(-1)!}`, subject, new Error(lastWords.join('\n')))
}

/** How messages call the module. */
export function nameOf({module}: LegacySubject): string {
  return module ? `the legacy module ${module}` : 'the reference of the legacy module'
}

/** An error as the process reports it; codes it does not know become LEGACY_FAILED. */
export function errorOf(error: unknown, suggestions: readonly string[] = []): NpuBridgeError {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: unknown}
  const known = ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : 'LEGACY_FAILED'
  return new NpuBridgeError(known, String(message), {suggestions})
}

function failed(message: string, subject: LegacySubject, cause?: unknown): NpuBridgeError {
  const suggestions = subject.module ? ['Leave this module out: the reference module takes its place.'] : []
  return new NpuBridgeError('LEGACY_FAILED', message, {cause, suggestions})
}
