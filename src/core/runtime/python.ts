import path from 'node:path'
import {z} from 'zod'

import type {RunProcess} from '../process/run.ts'

const TIMEOUT_MS = 10_000

/** Finds the package without importing it, and never in the current folder. */
const SCRIPT = `
import sys
sys.path = [entry for entry in sys.path if entry]
import importlib.metadata, importlib.util, json
spec = importlib.util.find_spec("openvino")
if spec and spec.submodule_search_locations:
    try:
        version = importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        version = None
    print(json.dumps({"folder": list(spec.submodule_search_locations)[0], "version": version}))
`

const answerSchema = z.object({folder: z.string(), version: z.string().nullable()})

/** The library folder of the `openvino` package of the python3 on PATH; null when there is none. */
export async function pythonRuntime(run: RunProcess): Promise<{folder: string; version: string | null} | null> {
  const outcome = await run(process.platform === 'win32' ? 'python' : 'python3', ['-c', SCRIPT], {
    timeoutMs: TIMEOUT_MS,
  })
  if (outcome.exitCode !== 0 || outcome.stdout.trim() === '') return null
  try {
    const {folder, version} = answerSchema.parse(JSON.parse(outcome.stdout))
    return {folder: path.join(folder, 'libs'), version}
  } catch {
    return null
  }
}
