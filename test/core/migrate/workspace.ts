import {type Buffer} from 'node:buffer'
import {execFileSync, spawnSync} from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'

import type {Effects} from '../../../src/core/migrate/effects.ts'

import {ignoreEvents, type MigrateEvent} from '../../../src/core/migrate/events.ts'
import {sha256} from '../../../src/core/migrate/hash.ts'
import {migrate, type MigrateOptions, type MigrateReport} from '../../../src/core/migrate/migrate.ts'
import {nodeEffects} from '../../../src/core/migrate/node-effects.ts'
import {rollback, type RollbackReport} from '../../../src/core/migrate/rollback.ts'
import {npubridgeFolder, WHEELS} from './package.ts'

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/migrate')

/** For Python in tests: no caches in the trees that are compared. */
export const QUIET = {PYTHONDONTWRITEBYTECODE: '1'}

/** The environment of a Python that has npubridge. */
export function withNpubridge(): Record<string, string> {
  return {...QUIET, PYTHONPATH: npubridgeFolder()}
}

export const V1_MODULE = 'agents/src/python/npu_coordination_bridge.py'
export const V2_MODULE = 'coordination/npu_coordination_bridge.py'

/** Thousands of small trees are made and synced: in memory where the system has room for that. */
const TEMPORARY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const made: string[] = []

/** An empty folder that is removed when the tests are done; its name has a space and an umlaut in it on purpose. */
export function emptyFolder(name = 'a tree für tests'): string {
  const folder = realpathSync(mkdtempSync(path.join(TEMPORARY, 'npubridge-test-')))
  made.push(folder)
  const inside = path.join(folder, name)
  mkdirSync(inside)
  return inside
}

export function removeFolders(): void {
  for (const folder of made) rmSync(folder, {recursive: true, force: true})
  made.length = 0
}

/** A copy of one of the fixture code bases. */
export function fixtureTree(name: 'v1' | 'v2', folder = emptyFolder()): string {
  cpSync(path.join(FIXTURES, name), folder, {recursive: true})
  return folder
}

/** A tree of the given files; folders are made as needed. */
export function treeOf(files: Readonly<Record<string, Buffer | string>>, folder = emptyFolder()): string {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), {recursive: true})
    writeFileSync(file, content)
  }

  return folder
}

export function fixture(name: 'v1' | 'v2'): string {
  return readFileSync(path.join(FIXTURES, name, name === 'v1' ? V1_MODULE : V2_MODULE), 'utf8')
}

export function git(root: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false']
  return execFileSync('git', ['-C', root, ...identity, ...args], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']})
}

export function commitAll(root: string): string {
  git(root, 'init', '--quiet')
  git(root, 'add', '--all')
  git(root, 'commit', '--quiet', '--message', 'before')
  return root
}

/** Hash and mode of every file, target of every link, mode of every folder; git's and npubridge's own folders aside. */
export function snapshot(root: string): Record<string, string> {
  const found: Record<string, string> = {}
  const visit = (folder: string) => {
    for (const name of readdirSync(path.join(root, folder)).toSorted()) {
      const relative = folder === '' ? name : `${folder}/${name}`
      if (relative === '.git' || relative === '.npubridge') continue
      const stat = lstatSync(path.join(root, relative))
      const mode = stat.mode.toString(8)
      if (stat.isDirectory()) {
        found[`${relative}/`] = mode
        visit(relative)
      } else if (stat.isSymbolicLink()) found[relative] = `-> ${readlinkSync(path.join(root, relative))}`
      else found[relative] = `${mode} ${sha256(readFileSync(path.join(root, relative)))}`
    }
  }

  visit('')
  return found
}

export function optionsFor(root: string, options: Partial<MigrateOptions> = {}): MigrateOptions {
  return {
    root,
    strategy: 'replace',
    version: '0.1.0',
    python: null,
    packageSpec: null,
    wheels: WHEELS,
    verifyCommand: null,
    allowDirty: true,
    allowNoVcs: true,
    dryRun: false,
    confirm: async () => true,
    ...options,
  }
}

export async function runMigrate(
  root: string,
  options: Partial<MigrateOptions> = {},
  effects: Effects = nodeEffects(),
  events: MigrateEvent[] = [],
): Promise<MigrateReport> {
  return migrate(effects, optionsFor(root, options), (event) => {
    events.push(event)
  })
}

export async function runRollback(
  root: string,
  all = false,
  effects: Effects = nodeEffects(),
): Promise<RollbackReport> {
  return rollback(effects, {root, all, confirm: async () => true}, ignoreEvents)
}

/** Runs Python and gives what it printed. */
export function python(root: string, args: readonly string[], env: Readonly<Record<string, string>> = QUIET) {
  const result = spawnSync('python3', [...args], {cwd: root, encoding: 'utf8', env: {...process.env, ...env}})
  return {code: result.status, stdout: result.stdout, stderr: result.stderr}
}

/** The callers' own tests of a code base. */
export function ownTests(root: string, env: Readonly<Record<string, string>> = QUIET) {
  return python(root, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], env)
}

/** Effects whose processes never run: for tests of what happens to files. */
export function withoutProcesses(effects: Effects = nodeEffects()): Effects {
  const answer = async (args: readonly string[], input?: string) => {
    // The verification's questions, answered as if everything were well.
    const request = JSON.parse(input ?? '{}') as {items?: unknown[]; parse?: unknown[]}
    const wrapper = {active: 'npubridge', reason: null, strategy: 'replace'}
    const stdout = request.parse
      ? JSON.stringify(request.parse.map(() => null))
      : request.items
        ? JSON.stringify(request.items.map(() => ({ok: true, problem: null, wrapper})))
        : JSON.stringify({executable: '/python3', version: [3, 12, 0], distributions: {}, externallyManaged: null})
    return {exitCode: 0, stdout, stderr: '', problem: null, missing: false, args}
  }

  return {
    ...effects,
    processes: {
      run: async (_command, args, options) => answer(args, options?.input),
      shell: async () => ({exitCode: 0, stdout: '', stderr: '', problem: null, missing: false}),
    },
  }
}
