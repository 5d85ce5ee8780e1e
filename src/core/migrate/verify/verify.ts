import {tmpdir} from 'node:os'
import path from 'node:path'

import type {FileSystem} from '../effects.ts'
import type {CheckOutcome, JournalData} from '../journal/schema.ts'

import {checkImports, type Verifier} from './checks.ts'

export type VerificationRequest = Omit<JournalData['verification'], 'before'>

/** How the checks ended before and after; only what worked before and does not now counts against a migration. */
export interface Verification {
  readonly before: readonly CheckOutcome[]
  readonly after: readonly CheckOutcome[]
  readonly regressions: readonly CheckOutcome[]
  /** Checks that failed before as well. */
  readonly failedBefore: readonly CheckOutcome[]
}

/** Lines of a failed command's output that are kept. */
const KEPT_LINES = 20

function removeTree(fs: FileSystem, folder: string): void {
  for (const {name, kind} of fs.list(folder)) {
    const entry = path.join(folder, name)
    if (kind === 'folder') removeTree(fs, entry)
    else fs.removeFile(entry)
  }

  fs.removeFolder(folder)
}

/** The user's own check, with Python's and pytest's caches sent elsewhere: verification leaves nothing behind. */
async function checkCommand({effects, root, signal}: Omit<Verifier, 'python'>, command: string): Promise<CheckOutcome> {
  const aside = path.join(effects.env.TMPDIR || tmpdir(), `npubridge-verify-${effects.clock.random(12)}`)
  effects.fs.makeFolder(aside)
  try {
    const pytest = `${effects.env.PYTEST_ADDOPTS ?? ''} -o cache_dir="${path.join(aside, 'pytest')}"`.trim()
    const env = {PYTHONPYCACHEPREFIX: path.join(aside, 'pycache'), PYTEST_ADDOPTS: pytest}
    const result = await effects.processes.shell(command, {cwd: root, env, signal})
    signal?.throwIfAborted()
    const name = `command: ${command}`
    if (result.exitCode === 0) return {name, ok: true, problem: null}
    const output = `${result.stdout}${result.stderr}`.trimEnd().split('\n').slice(-KEPT_LINES).join('\n')
    return {name, ok: false, problem: `${result.problem ?? `exit code ${result.exitCode}`}\n${output}`.trimEnd()}
  } finally {
    removeTree(effects.fs, aside)
  }
}

/** Runs every check once. The order of the outcomes is that of the request. */
export async function runChecks(
  tree: Omit<Verifier, 'python'>,
  {python, importers, command}: VerificationRequest,
): Promise<CheckOutcome[]> {
  const imports = python === null ? [] : await checkImports({...tree, python}, importers)
  return command === null ? imports : [...imports, await checkCommand(tree, command)]
}

export function compareChecks(before: readonly CheckOutcome[], after: readonly CheckOutcome[]): Verification {
  const worked = new Set(before.filter((check) => check.ok).map((check) => check.name))
  const failed = after.filter((check) => !check.ok)
  return {
    before,
    after,
    regressions: failed.filter((check) => worked.has(check.name)),
    failedBefore: failed.filter((check) => !worked.has(check.name)),
  }
}
