import {expect} from 'chai'

import {resolveModule, resolvePath} from '../../../../src/core/migrate/scan/resolve.ts'

const NAME = 'npu_coordination_bridge'

describe('a name of a module', () => {
  const places = [
    {path: `agents/src/python/${NAME}.py`, aliases: []},
    {path: `other/${NAME}.py`, aliases: [`linked/${NAME}.py`]},
    {path: `packaged/${NAME}/__init__.py`, aliases: []},
  ]

  for (const [module, file, expected] of [
    [NAME, 'agents/src/python/planner.py', 0],
    [NAME, 'other/deep/x.py', 1],
    [`src.python.${NAME}`, 'main.py', 0],
    [`agents.src.python.${NAME}`, 'other/x.py', 0],
    [`linked.${NAME}`, 'x.py', 1],
    [`packaged.${NAME}`, 'x.py', 2],
    [`.${NAME}`, 'agents/src/python/x.py', 0],
    [`..python.${NAME}`, 'agents/src/tools/x.py', 0],
    [`.${NAME}`, 'packaged/x.py', 2],
  ] as const) {
    it(`${module} in ${file} leads to ${places[expected]!.path}`, () => {
      expect(resolveModule(module, file, places)?.path).to.equal(places[expected]!.path)
    })
  }

  for (const [module, file] of [
    [`nowhere.${NAME}`, 'x.py'],
    [`.${NAME}`, 'agents/x.py'],
    [`...${NAME}`, 'x.py'],
    [`python.src.${NAME}`, 'x.py'],
  ] as const) {
    it(`${module} in ${file} leads nowhere`, () => {
      expect(resolveModule(module, file, places)).to.equal(null)
    })
  }

  it('leads to a file by as much of its path as is written', () => {
    expect(resolvePath(`../other/${NAME}.py`, 'agents/x.py', places)?.path).to.equal(`other/${NAME}.py`)
    expect(resolvePath(`/srv/app/${NAME}.py`, 'agents/src/python/x.py', places)?.path).to.equal(places[0]!.path)
    expect(resolvePath('elsewhere.py', 'x.py', places)).to.equal(null)
  })
})
