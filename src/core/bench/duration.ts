import {NpuBridgeError} from '../errors.ts'

const MS: Readonly<Record<string, number>> = {ms: 1, s: 1000, '': 1000}

/**
 * A time as people write it, in milliseconds: `2s`, `500ms`, `1.5` (seconds).
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is none, or not above zero
 */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(text.trim()) ?? []
  const ms = Number(number) * MS[unit]!
  if (ms > 0) return ms
  throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no duration`, {
    suggestions: ['2s', '500ms'],
  })
}
