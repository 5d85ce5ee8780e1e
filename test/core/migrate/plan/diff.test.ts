import {expect} from 'chai'
import {execFileSync} from 'node:child_process'
import {cpSync} from 'node:fs'

import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {planDiffs} from '../../../../src/core/migrate/plan/diff.ts'
import {
  commitAll,
  emptyFolder,
  fixtureTree,
  git,
  removeFolders,
  runMigrate,
  snapshot,
  withoutProcesses,
} from '../workspace.ts'

describe('the difference of a plan', () => {
  after(removeFolders)

  for (const name of ['v1', 'v2'] as const) {
    it(`is what git apply turns the tree of ${name} into the migrated one with`, async () => {
      const root = commitAll(fixtureTree(name))
      const copy = emptyFolder()
      cpSync(root, copy, {recursive: true})
      const {plan} = await runMigrate(root, {dryRun: true}, withoutProcesses())
      const patch = [...planDiffs(plan!, nodeEffects().fs).values()].join('')
      execFileSync('git', ['apply', '--whitespace=nowarn', '-'], {cwd: copy, input: patch})
      await runMigrate(root, {}, withoutProcesses())
      expect(snapshot(copy)).to.deep.equal(snapshot(root))
      expect(git(copy, 'status', '--porcelain')).to.equal(git(root, 'status', '--porcelain'))
    })
  }

  it('shows the original as a copy, which nobody reads twice', async () => {
    const {plan} = await runMigrate(fixtureTree('v1'), {dryRun: true}, withoutProcesses())
    const diffs = planDiffs(plan!, nodeEffects().fs)
    const {archive} = plan!.modules[0]!
    expect(diffs.get(archive)).to.equal(
      `diff --git a/${plan!.modules[0]!.path} b/${archive}\nsimilarity index 100%\ncopy from ${plan!.modules[0]!.path}\ncopy to ${archive}\n`,
    )
    expect(diffs.get('tools/windows.py')).to.include('+import time\r\n')
    expect(diffs.size).to.equal(plan!.files.length)
  })
})
