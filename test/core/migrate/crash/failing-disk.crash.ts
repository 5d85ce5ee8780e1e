import {expect} from 'chai'

import {snapshot} from '../workspace.ts'
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

describe('a migration on a disk that fails', () => {
  for (const [name, code, lasting] of [
    ['is full from some operation on', 'ENOSPC', true],
    ['is full for one operation', 'ENOSPC', false],
    ['has an error in one operation', 'EIO', false],
    ['refuses one operation', 'EACCES', false],
  ] as const) {
    it(`leaves the tree as it was when the disk ${name}, or says what is left to do`, async () => {
      for (let at = 0; at < reference.operations; at += 1) {
        const root = scene()
        const effects = effectsWith({kind: 'error', at, code, lasting})
        const outcome = await migrateScene(root, effects).catch((error: unknown) => error as Error)
        if (outcome === 'migrated') expect(snapshot(root)).to.deep.equal(reference.migrated)
        else if (code === 'ENOSPC' || !(outcome as Error).message.includes('could not be taken back'))
          expect(snapshot(root), `${code} at ${at}: ${String(outcome)}`).to.deep.equal(reference.original)
        await (at % 2 === 0 ? expectForwards : expectBackwards)(root, reference)
        dispose(root)
      }
    })
  }

  it('rolls back on a full disk', async () => {
    for (let at = 0; at < reference.rollbackOperations; at += 1) {
      const root = scene()
      await migrateScene(root)
      const effects = effectsWith({kind: 'error', at, code: 'ENOSPC', lasting: true})
      await rollBackScene(root, effects).catch(() => 'failed')
      await expectBackwards(root, reference)
      dispose(root)
    }
  })

  it('works where the journal is on another file system than the tree', async () => {
    for (const finish of [expectForwards, expectBackwards]) {
      const root = scene()
      const effects = effectsWith(null)
      const {rename} = effects.fs
      const fs = effects.fs as {rename: typeof rename}
      fs.rename = (from, to) => {
        if (from.includes('.npubridge') !== to.includes('.npubridge') && !from.includes('.npubridge-'))
          throw Object.assign(new Error('EXDEV: injected'), {code: 'EXDEV'})
        rename.call(effects.fs, from, to)
      }

      expect(await migrateScene(root, effects)).to.equal('migrated')
      expect(snapshot(root)).to.deep.equal(reference.migrated)
      await finish(root, reference)
      dispose(root)
    }
  })
})
