import {tmpdir} from 'node:os'
import path from 'node:path'

import type {Effects, FileSystem} from '../effects.ts'
import type {CheckOutcome, JournalData} from '../journal/schema.ts'
import {checkImports} from './checks.ts'

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
async function checkCommand(
  effects: Effects,
  root: string,
  command: string,
  signal?: AbortSignal,
): Promise<CheckOutcome> {
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
  effects: Effects,
  root: string,
  request: VerificationRequest,
  signal?: AbortSignal,
): Promise<CheckOutcome[]> {
  const imports = request.python ? await checkImports(effects, request.python, root, request.importers, signal) : []
  const command = request.command ? [await checkCommand(effects, root, request.command, signal)] : []
  return [...imports, ...command]
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
