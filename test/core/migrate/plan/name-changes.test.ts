import {expect} from 'chai'

import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {nameChanges} from '../../../../src/core/migrate/plan/name-changes.ts'
import {scanTree} from '../../../../src/core/migrate/scan/scan.ts'
import {fixture, removeFolders, treeOf} from '../workspace.ts'

async function changes(source: string, module = fixture('v1'), file = 'caller.py') {
  const root = treeOf({'npu_coordination_bridge.py': module, [file]: source})
  const {report} = await scanTree(root, nodeEffects())
  return nameChanges(report).map(({name, line, cell, before, after, consequence}) => ({
    name,
    line,
    ...(cell !== undefined && {cell}),
    before,
    after,
    consequence,
  }))
}

const FROM = 'from npu_coordination_bridge import'

describe('the names that callers ask for', () => {
  after(removeFolders)

  for (const [what, source, before, after, consequence] of [
    [
      'never existed and never will',
      `${FROM} Nothing`,
      false,
      'missing',
      'never existed: this fails whenever it runs, as before',
    ],
    [
      'never existed, which is caught',
      `try:\n  ${FROM} Nothing\nexcept ImportError: pass`,
      false,
      'missing',
      'never existed: the except branch runs, as before',
    ],
    [
      'exist from now on',
      `${FROM} NPUResult`,
      false,
      'npubridge',
      'never existed here, so this failed; from now on it exists',
    ],
    [
      'exist from now on, which changes the branch',
      `try:\n  ${FROM} NPUResult\nexcept ImportError: pass`,
      false,
      'npubridge',
      'never existed here, so the except branch ran; from now on it exists and the import succeeds',
    ],
    [
      'come from the archive',
      `${FROM} logger`,
      true,
      'archive',
      'npubridge.compat has no such name: the archived original supplies it, with a warning',
    ],
    [
      'are patched',
      'mock.patch("npu_coordination_bridge.get_agents_dir")',
      true,
      'npubridge',
      'a patch reaches the wrapper only: what npubridge itself does stays unpatched',
    ],
  ] as const) {
    it(`are told of when they ${what}`, async () => {
      const [change, ...others] = await changes(source)
      expect(others).to.deep.equal([])
      expect(change).to.deep.include({before, after, consequence})
      expect(change?.line).to.equal(source.startsWith('try') ? 2 : 1)
    })
  }

  it('are not told of when they go on as before', async () => {
    expect(
      await changes(`${FROM} WorkflowTask, NPU_AVAILABLE\n${FROM} *\nprint(WorkflowResult, time, __file__)`),
    ).to.deep.equal([])
    expect(await changes('import npu_coordination_bridge as b\nb.__file__; b.WorkflowTask; b.own = 1')).to.deep.equal(
      [],
    )
    expect(await changes('from other.npu_coordination_bridge import Nothing')).to.deep.equal([])
  })

  it('cannot be told from a module with a star import', async () => {
    expect(await changes(`${FROM} Perhaps, WorkflowTask`, `from base import *\n${fixture('v1')}`)).to.deep.equal([
      {
        name: 'Perhaps',
        line: 1,
        before: null,
        after: 'unknown',
        consequence: 'cannot be told from the text of the module',
      },
    ])
  })

  it('are told of once a reference, with the cell of a notebook', async () => {
    const cells = ['x = 1', `${FROM} Nothing\nimport npu_coordination_bridge as b\nb.Gone; b.Gone`].map((source) => ({
      cell_type: 'code',
      source,
    }))
    const found = await changes(JSON.stringify({cells}), fixture('v1'), 'n.ipynb')
    expect(found.map(({name, cell, line}) => ({name, cell, line}))).to.deep.equal([
      {name: 'Nothing', cell: 2, line: 1},
      {name: 'Gone', cell: 2, line: 3},
    ])
  })
})
