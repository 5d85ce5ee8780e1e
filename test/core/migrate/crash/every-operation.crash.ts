import {expect} from 'chai'

import type {Effects} from '../../../../src/core/migrate/effects.ts'

import {Crash, type Fault} from '../faulty-file-system.ts'
import {
  dispose,
  effectsWith,
  expectBackwards,
  expectForwards,
  migrateScene,
  references,
  rollBackScene,
  scene,
} from './scene.ts'

const reference = await references()

const MOMENTS = ['before', 'middle', 'after'] as const

/** Runs to the crash; what the dying process throws does not matter. */
async function die(
  run: (root: string, effects: Effects) => Promise<string>,
  root: string,
  fault: Fault,
): Promise<void> {
  const effects = effectsWith(fault)
  try {
    await run(root, effects)
  } catch (error) {
    if (!effects.fs.crashed && !(error instanceof Crash)) throw error
  }

  expect(effects.fs.crashed, `no crash at operation ${fault.at}`).to.equal(true)
}

/** Whether the second process died too, and was not done before. */
async function diesAgain(first: number, second: number, next: typeof migrateScene): Promise<boolean> {
  const root = scene()
  await die(migrateScene, root, {kind: 'crash', at: first, moment: 'after'})
  const effects = effectsWith({kind: 'crash', at: second, moment: 'after'})
  await next(root, effects).catch(() => 'died')
  await (second % 2 === 0 ? expectForwards : expectBackwards)(root, reference)
  dispose(root)
  return effects.fs.crashed
}

describe('a migration that dies at an operation', () => {
  for (const moment of MOMENTS) {
    it(`${moment} every single one, is resumed or rolled back byte for byte`, async () => {
      for (let at = 0; at < reference.operations; at += 1) {
        for (const finish of [expectForwards, expectBackwards]) {
          const root = scene()
          await die(migrateScene, root, {kind: 'crash', at, moment})
          await finish(root, reference)
          dispose(root)
        }
      }
    })

    it(`${moment} every single one of a rollback, is rolled back or migrated again byte for byte`, async () => {
      for (let at = 0; at < reference.rollbackOperations; at += 1) {
        for (const finish of [expectForwards, expectBackwards]) {
          const root = scene()
          await migrateScene(root)
          await die(rollBackScene, root, {kind: 'crash', at, moment})
          await finish(root, reference)
          dispose(root)
        }
      }
    })
  }

  it('and again while the next run ends it, still comes out byte for byte', async () => {
    const step = 3
    for (let first = 0; first < reference.operations; first += step) {
      for (const next of [migrateScene, rollBackScene]) {
        let second = first % 5
        while (await diesAgain(first, second, next)) second += 7
      }
    }
  })
})
