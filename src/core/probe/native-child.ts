/** Runs in a child process: asks Level Zero and the kernel driver through the native binary, and sends what they say. */
import path from 'node:path'

import {asNpuBridgeError} from '../errors.ts'

/** Functions that a native binary may lack; each gives JSON. */
interface ProbeBinding {
  /** A LevelZeroProbe. */
  probeLevelZero?(): string
  /** `{"parameters": NpuParameters}` or `{"openError": "EMFILE"}`. */
  npuParams?(node: string): string
}

const [node] = process.argv.slice(2)

async function answer(): Promise<Record<string, unknown>> {
  const file = new URL(`../engine/binding${path.extname(import.meta.url)}`, import.meta.url)
  const {loadBinding} = (await import(file.href)) as {loadBinding: () => ProbeBinding}
  const binding = loadBinding()
  return {
    levelZero: parse(binding.probeLevelZero?.()),
    ...(node && parse(binding.npuParams?.(node))),
  }
}

function parse(json: string | undefined): Record<string, unknown> | null {
  return json === undefined ? null : (JSON.parse(json) as Record<string, unknown>)
}

try {
  process.send?.(await answer())
} catch (error) {
  process.send?.({failure: asNpuBridgeError(error).toJSON()})
}
