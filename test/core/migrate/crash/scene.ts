import {expect} from 'chai'
import {rmSync} from 'node:fs'
import path from 'node:path'

import type {Effects} from '../../../../src/core/migrate/effects.ts'

import {JournalStore} from '../../../../src/core/migrate/journal/store.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {type Fault, FaultyFileSystem} from '../faulty-file-system.ts'
import {fixture, runMigrate, runRollback, snapshot, treeOf, withoutProcesses} from '../workspace.ts'
import {NOON} from './noon.ts'

/** Small, and with one of everything: a module, a caller that is rewritten, one that is not, modes that matter. */
const FILES = {
  'agents/npu_coordination_bridge.py': fixture('v2'),
  'agents/star.py': 'from npu_coordination_bridge import *\n\nprint(time.time())\n',
  'caller.py': 'from agents.npu_coordination_bridge import NPUOperation\n',
}

export type Tree = Record<string, string>

export function scene(): string {
  const root = treeOf(FILES)
  nodeEffects().fs.setAttributes(path.join(root, 'agents/npu_coordination_bridge.py'), {mode: 0o755})
  nodeEffects().fs.setAttributes(path.join(root, 'agents/star.py'), {mode: 0o640})
  return root
}

/** Every set of effects is a process of its own, and all earlier ones have ended. */
let processes = 1000

/** Effects with a fault, a standing clock and no processes. */
export function effectsWith(fault: Fault | null): Effects & {readonly fs: FaultyFileSystem} {
  const real = nodeEffects()
  processes += 1
  const pid = processes
  return {
    ...withoutProcesses(real),
    host: {...real.host, pid, isAlive: (other) => other === pid, startOf: () => null},
    fs: new FaultyFileSystem(fault),
    clock: {...real.clock, now: () => NOON},
  }
}

export async function migrateScene(root: string, effects: Effects = effectsWith(null)): Promise<string> {
  return (await runMigrate(root, {}, effects)).status
}

export async function rollBackScene(root: string, effects: Effects = effectsWith(null)): Promise<string> {
  return (await runRollback(root, false, effects)).status
}

/** How the tree looks before and after an undisturbed migration. */
export async function references(): Promise<{
  original: Tree
  migrated: Tree
  operations: number
  rollbackOperations: number
}> {
  const root = scene()
  const original = snapshot(root)
  const effects = effectsWith(null)
  await migrateScene(root, effects)
  const migrated = snapshot(root)
  const undoing = effectsWith(null)
  await rollBackScene(root, undoing)
  expect(snapshot(root)).to.deep.equal(original)
  expect(migrated).not.to.deep.equal(original)
  dispose(root)
  return {original, migrated, operations: effects.fs.log.length, rollbackOperations: undoing.fs.log.length}
}

export function dispose(root: string): void {
  rmSync(path.dirname(root), {recursive: true, force: true})
}

/** No journal is left unfinished, and no copies of files that no journal needs. */
export function expectTidy(root: string): void {
  const store = new JournalStore(nodeEffects(), root)
  expect(store.unfinished()).to.equal(null)
  const needed = new Set(
    store
      .list()
      .filter(({data}) => data.state !== 'rolled-back')
      .map(({id}) => id),
  )
  const folders = nodeEffects()
    .fs.list(store.migrations)
    .filter(({kind}) => kind === 'folder')
  expect(folders.filter(({name}) => !needed.has(name))).to.deep.equal([])
}

/** Forwards: the next run ends in the migrated tree, from which the original can still be had. */
export async function expectForwards(root: string, reference: {original: Tree; migrated: Tree}): Promise<void> {
  expect(['already-migrated', 'migrated']).to.include(await migrateScene(root))
  expect(snapshot(root)).to.deep.equal(reference.migrated)
  expectTidy(root)
  await rollBackScene(root)
  expect(snapshot(root)).to.deep.equal(reference.original)
}

/** Backwards: a rollback ends in the original tree, which can be migrated again. */
export async function expectBackwards(root: string, reference: {original: Tree; migrated: Tree}): Promise<void> {
  expect(['nothing-to-do', 'rolled-back']).to.include(await rollBackScene(root))
  expect(snapshot(root)).to.deep.equal(reference.original)
  expect(await migrateScene(root)).to.equal('migrated')
  expect(snapshot(root)).to.deep.equal(reference.migrated)
  expectTidy(root)
}
