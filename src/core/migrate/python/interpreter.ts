import {z} from 'zod'

import type {Effects} from '../effects.ts'

import {NpuBridgeError} from '../../errors.ts'

/** Run by the interpreter in question; prints one JSON object. */
const QUESTIONS = `
import json, os, sys, sysconfig
try:
    from importlib import metadata
    found = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
except ImportError:
    found = {}
marker = None
if sys.prefix == sys.base_prefix:
    scheme = sysconfig.get_default_scheme() if hasattr(sysconfig, "get_default_scheme") else None
    stdlib = sysconfig.get_path("stdlib", scheme) if scheme else sysconfig.get_path("stdlib")
    path = os.path.join(stdlib, "EXTERNALLY-MANAGED")
    if os.path.isfile(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            marker = file.read()
json.dump({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "distributions": found,
    "externallyManaged": marker,
}, sys.stdout)
`

const ANSWER = z.object({
  executable: z.string(),
  version: z.tuple([z.int(), z.int(), z.int()]),
  distributions: z.record(z.string(), z.string()),
  externallyManaged: z.string().nullable(),
})

export interface Interpreter {
  readonly executable: string
  readonly version: readonly [number, number, number]
  /** Installed distributions with their versions, names as pip normalizes them. */
  readonly distributions: ReadonlyMap<string, string>
  /** The text of PEP 668's marker, or null where pip may install. */
  readonly externallyManaged: string | null
}

/** PEP 503: case, dots, dashes and underscores make no difference. */
export function normalizedName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** What nobody wants from a Python that only answers questions. */
export const QUIET_PYTHON = {PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf8', PYTHONUTF8: '1'}

/**
 * Asks an interpreter about itself.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming it when it cannot be run.
 */
export async function inspectInterpreter(effects: Effects, python: string, signal?: AbortSignal): Promise<Interpreter> {
  const result = await effects.processes.run(python, ['-c', QUESTIONS], {env: QUIET_PYTHON, timeoutMs: 60_000, signal})
  signal?.throwIfAborted()
  if (result.exitCode !== 0) {
    const why = result.missing ? 'there is no such program' : result.stderr.trim().split('\n').at(-1) || result.problem
    throw new NpuBridgeError('INVALID_ARGUMENT', `${python} cannot be used as a Python: ${why}`, {
      suggestions: ['name a working interpreter: --python /path/to/venv/bin/python'],
    })
  }

  const {distributions, ...answer} = ANSWER.parse(JSON.parse(result.stdout))
  return {
    ...answer,
    distributions: new Map(Object.entries(distributions).map(([name, version]) => [normalizedName(name), version])),
  }
}
