import {execa} from 'execa'
import path from 'node:path'

import {loadBinding} from '../../src/core/engine/binding.ts'
import {discoverRuntimes} from '../../src/core/runtime/discover.ts'

const MANIFEST = path.resolve(import.meta.dirname, '../../native/Cargo.toml')

/** Makes a runtime with an emulated NPU in `out`, of the one that is installed; skips the tests where there is none. */
export async function emulatedRuntime(context: Mocha.Context, out: string): Promise<string> {
  const real = await usableRuntime()
  if (real === null) context.skip()
  const make = ['run', '--quiet', '--manifest-path', MANIFEST, '-p', 'npubridge-testing', '--bin', 'emulated-runtime']
  const made = await execa('cargo', [...make, '--', '--real', real, '--out', out], {reject: false})
  if (made.failed) context.skip()
  return out
}

async function usableRuntime(): Promise<null | string> {
  try {
    loadBinding()
  } catch {
    return null
  }

  const candidates = await discoverRuntimes()
  return candidates.find(({problem}) => problem === null)?.folder ?? null
}
