import type {Context} from 'mocha'

import {existsSync} from 'node:fs'
import path from 'node:path'

import type {Engine} from '../../src/core/engine/engine.ts'

import {bindingProblem} from '../../src/core/engine/binding.ts'
import {createNativeEngine, type NativeEngineOptions} from '../../src/core/engine/native.ts'
import {resolvePaths} from '../../src/core/paths.ts'
import {discoverRuntimes} from '../../src/core/runtime/discover.ts'

/** What tests of the native engine need; each a reason to skip where it is missing. */
export interface NativeSetup {
  readonly runtimeFolder: string
  readonly modelsFolder: string
}

/** The runtime and the models that `npubridge setup` and `models pull` have put there; skips the test without them. */
export async function requireNative(context: Context, models: readonly string[] = []): Promise<NativeSetup> {
  const problem = bindingProblem()
  if (problem) skip(context, problem)
  const candidates = await discoverRuntimes()
  const runtime = candidates.find((candidate) => candidate.problem === null)
  if (!runtime) skip(context, 'no OpenVINO runtime: npubridge setup')
  const modelsFolder = resolvePaths().models
  for (const model of models) {
    if (!existsSync(path.join(modelsFolder, model, 'model.json'))) skip(context, `npubridge models pull ${model}`)
  }

  return {modelsFolder, runtimeFolder: runtime.folder}
}

function skip(context: Context, reason: string): never {
  console.error(`      skipped: ${reason}`)
  return context.skip()
}

/** An engine on the CPU with what the tests have set up. */
export async function startNative(setup: NativeSetup, options: Partial<NativeEngineOptions> = {}): Promise<Engine> {
  return createNativeEngine({...setup, devices: ['CPU'], ...options})
}
