import path from 'node:path'

import type {Effects} from './effects.ts'

import {guardRefused} from './refusals.ts'

/** What git says of a tree. */
export type VcsState =
  | {readonly kind: 'clean'}
  /** Changed or untracked, relative to the root. */
  | {readonly kind: 'dirty'; readonly paths: readonly string[]}
  /** There is a repository and git cannot tell its state: never taken for clean. */
  | {readonly kind: 'failing'; readonly problem: string}
  | {readonly kind: 'none'}

/** English messages, and no refresh of the index: looking must not write. */
const GIT_ENVIRONMENT = {GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C'}

function hasRepository(effects: Effects, root: string): boolean {
  for (let folder = root; ; folder = path.dirname(folder)) {
    if (effects.fs.stat(path.join(folder, '.git'))) return true
    if (path.dirname(folder) === folder) return false
  }
}

/** Paths of `git status --porcelain=v1 -z`, which are relative to the repository; a rename has its origin as an entry of its own. */
export function parseStatus(output: string): string[] {
  const paths: string[] = []
  const entries = output.split('\0')
  for (let index = 0; index < entries.length; index += 1) {
    const entry = entries[index]!
    if (entry.length < 4) continue
    paths.push(entry.slice(3))
    if (/[CR]/.test(entry.slice(0, 2))) index += 1
  }

  return paths
}

export async function inspectVcs(effects: Effects, root: string, signal?: AbortSignal): Promise<VcsState> {
  if (!hasRepository(effects, root)) return {kind: 'none'}
  const git = async (args: readonly string[]) =>
    effects.processes.run('git', ['-C', root, ...args], {env: GIT_ENVIRONMENT, signal})
  const prefix = await git(['rev-parse', '--show-prefix'])
  const status =
    prefix.exitCode === 0 ? await git(['status', '--porcelain=v1', '-z', '--untracked-files=all', '--', '.']) : prefix
  signal?.throwIfAborted()
  if (status.exitCode !== 0) {
    const problem = status.missing ? 'git is not installed' : status.stderr.trim() || (status.problem ?? 'unknown')
    return {kind: 'failing', problem}
  }

  const above = prefix.stdout.trimEnd()
  const paths = parseStatus(status.stdout).map((file) => (file.startsWith(above) ? file.slice(above.length) : file))
  return paths.length === 0 ? {kind: 'clean'} : {kind: 'dirty', paths}
}

export interface VcsOptions {
  readonly allowDirty: boolean
  readonly allowNoVcs: boolean
  /** Tells files that earlier migrations left and that may be uncommitted. */
  readonly isOwn: (file: string) => boolean
  readonly signal: AbortSignal | undefined
}

const SHOWN = 5

/**
 * Lets a migration begin only where git could undo it as well.
 *
 * @throws {Error} with exit code 4; `isOwn` tells files that earlier migrations left and that may be uncommitted.
 */
export async function guardVcs(
  effects: Effects,
  root: string,
  {allowDirty, allowNoVcs, isOwn, signal}: VcsOptions,
): Promise<void> {
  if (allowNoVcs && allowDirty) return
  const state = await inspectVcs(effects, root, signal)
  if (!allowNoVcs && state.kind === 'none')
    throw guardRefused(`${root} is not in a git repository`, [
      'git init && git add -A && git commit -m "before npubridge"',
      'or --allow-no-vcs: the migration can still be rolled back, from its own copies',
    ])
  if (!allowNoVcs && state.kind === 'failing')
    throw guardRefused(`git cannot tell whether ${root} has uncommitted changes: ${state.problem}`, [
      `see: git -C "${root}" status`,
      'or --allow-no-vcs to go on without git',
    ])
  if (allowDirty || state.kind !== 'dirty') return
  const foreign = state.paths.filter((file) => !isOwn(file))
  if (foreign.length === 0) return
  const shown =
    foreign.slice(0, SHOWN).join(', ') + (foreign.length > SHOWN ? ` and ${foreign.length - SHOWN} more` : '')
  throw guardRefused(`${root} has uncommitted changes: ${shown}`, [
    'git commit or git stash, so that the migration is a change of its own',
    'or --allow-dirty',
  ])
}
