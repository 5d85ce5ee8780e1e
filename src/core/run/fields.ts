/** How a place in a line and a value found there are written in messages. */
import {type ErrorCode, NpuBridgeError} from '../errors.ts'

export type PathPart = number | string

const PLAIN_NAME = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u
const LONGEST_VALUE = 60

/** `inputs.input.shape[1]`; names that would be ambiguous are quoted: `inputs["a.b"].data`. */
export function fieldPath(parts: readonly PathPart[]): string {
  let path = ''
  for (const part of parts) {
    if (typeof part === 'number') path += `[${part}]`
    else if (PLAIN_NAME.test(part)) path += path === '' ? part : `.${part}`
    else path += `[${showValue(part)}]`
  }

  return path
}

/** A value as JSON, cut to a length that fits a message. */
export function showValue(value: unknown): string {
  const text = describeValue(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST_VALUE + 1))
  if (Array.isArray(value)) return `an array of ${value.length} ${value.length === 1 ? 'element' : 'elements'}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return JSON.stringify(value)
}

/** The error of one field: `place` is its path, `problem` says what it is and what it must be. */
export function fieldError(
  place: string,
  problem: string,
  options: {cause?: unknown; code?: ErrorCode; suggestions?: readonly string[]} = {},
): NpuBridgeError {
  const {cause, code = 'INVALID_ARGUMENT', suggestions = []} = options
  return new NpuBridgeError(code, `${place} ${problem}`, {cause, suggestions})
}
