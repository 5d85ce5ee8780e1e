/** Parameters of a command line, `name=value`. */
import {NpuBridgeError} from '../errors.ts'

/**
 * Values are JSON where they are that, and texts otherwise: `nperseg=256`, `Wn=[50,200]`, `window=hamming`.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for a text without a name
 */
export function readParameters(texts: readonly string[]): Record<string, unknown> {
  const parameters: Record<string, unknown> = {}
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 1) {
      throw new NpuBridgeError('INVALID_ARGUMENT', `--set is "${text}", it must be NAME=VALUE`, {
        suggestions: ['--set nperseg=256', '--set Wn=[50,200]'],
      })
    }

    parameters[text.slice(0, at)] = parseValue(text.slice(at + 1))
  }

  return parameters
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
