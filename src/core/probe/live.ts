import type {ProbeEffects} from './effects.ts'

/** The real effects of the probe on this machine. */
import {loadBinding} from '../engine/binding.ts'
import {runProcess, type RunProcess} from '../process/run.ts'
import {discoverRuntimes} from '../runtime/discover.ts'
import {inspectRuntime} from '../runtime/inspect.ts'
import {rememberReport} from '../runtime/trusted.ts'
import {findEngines} from './engines.ts'
import {readNative} from './native.ts'

/** Asks anew whatever is asked, and leaves the answer for commands that trust an earlier one. */
export function liveEffects(options: {runtime?: string; signal?: AbortSignal} = {}): ProbeEffects {
  return {
    discoverRuntimes: async () => discoverRuntimes({explicit: options.runtime}),
    async inspectRuntime(folder, {signal, timeoutMs, without}) {
      const report = await inspectRuntime(folder, {run: runWithout(without ?? []), signal, timeoutMs})
      if (!without) await rememberReport(folder, report)
      return report
    },
    readNative,
    findEngines: async () => findEngines(loadBinding, options),
  }
}

function runWithout(names: readonly string[]): RunProcess {
  const env = Object.fromEntries(names.map((name) => [name, undefined]))
  return async (command, args, options) => runProcess(command, args, {...options, env})
}
