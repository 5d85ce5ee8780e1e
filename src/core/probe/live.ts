/** The real effects of the probe on this machine. */
import path from 'node:path'

import type {ProbeEffects} from './effects.ts'

import {loadBinding} from '../engine/binding.ts'
import {CATALOGUE} from '../models/catalogue.ts'
import {readModelManifest} from '../models/manifest.ts'
import {resolvePaths} from '../paths.ts'
import {runProcess, type RunProcess} from '../process/run.ts'
import {discoverRuntimes} from '../runtime/discover.ts'
import {inspectRuntime} from '../runtime/inspect.ts'
import {rememberReport} from '../runtime/trusted.ts'
import {findEngines} from './engines.ts'
import {testDevices} from './functional-test.ts'
import {windowsAccelerators} from './inventory/windows.ts'
import {readNative} from './native.ts'

/** Asks anew whatever is asked, and leaves the answer for commands that trust an earlier one. */
export function liveEffects(options: {runtime?: string; signal?: AbortSignal} = {}): ProbeEffects {
  return {
    ...(process.platform === 'win32' && {
      findAccelerators: async () => windowsAccelerators(runProcess, options.signal),
    }),
    discoverRuntimes: async () => discoverRuntimes({explicit: options.runtime}),
    async inspectRuntime(folder, {signal, timeoutMs, without}) {
      const report = await inspectRuntime(folder, {run: runWithout(without ?? []), signal, timeoutMs})
      if (!without) await rememberReport(folder, report)
      return report
    },
    readNative,
    async testDevices(runtime, devices, signal) {
      const modelsFolder = resolvePaths().models
      return testDevices({devices, model: await installedModel(modelsFolder), modelsFolder, runtime, signal})
    },
    findEngines: async () => findEngines(loadBinding, options),
  }
}

/** The first model of the catalogue that has been fetched. */
async function installedModel(modelsFolder: string): Promise<string | null> {
  const manifests = await Promise.all(CATALOGUE.map(async ({name}) => readModelManifest(path.join(modelsFolder, name))))
  return manifests.find((manifest) => manifest !== null)?.name ?? null
}

function runWithout(names: readonly string[]): RunProcess {
  const env = Object.fromEntries(names.map((name) => [name, undefined]))
  return async (command, args, options) => runProcess(command, args, {...options, env})
}
