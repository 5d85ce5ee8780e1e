/** Runs in a child process: asks Level Zero and the kernel driver through the native binary, and writes what they say. */
import {writeFileSync} from 'node:fs'

import {loadBinding, type NativeBinding} from '../engine/binding.ts'
import {asNpuBridgeError} from '../errors.ts'

/** The descriptor that the parent reads. */
const CHANNEL = 3

/** Functions that a native binary may lack; each gives JSON. */
interface ProbeBinding {
  /** A LevelZeroProbe. */
  probeLevelZero?(): string
  /** `{"parameters": NpuParameters}` or `{"openError": "EMFILE"}`. */
  npuParams?(node: string): string
}

const [node] = process.argv.slice(2)

function answer(): Record<string, unknown> {
  const binding = loadBinding() as NativeBinding & ProbeBinding
  const levelZero = parse(binding.probeLevelZero?.())
  return {levelZero, ...(node && parse(binding.npuParams?.(node)))}
}

function parse(json: string | undefined): Record<string, unknown> | null {
  return json === undefined ? null : (JSON.parse(json) as Record<string, unknown>)
}

function safely(): Record<string, unknown> {
  try {
    return answer()
  } catch (error) {
    return {failure: asNpuBridgeError(error).toJSON()}
  }
}

writeFileSync(CHANNEL, JSON.stringify(safely()))
// Unloading a driver may hang or crash, and its answer is given.
process.kill(process.pid, 'SIGKILL')
