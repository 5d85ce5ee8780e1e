import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {importOf, insertionsFor, rewriteFile} from '../../../../src/core/migrate/plan/rewrite.ts'
import {scanTree} from '../../../../src/core/migrate/scan/scan.ts'
import {fixture, removeFolders, treeOf} from '../workspace.ts'

const MODULE = 'lib/npu_coordination_bridge.py'

/** What becomes of one caller of a module in `lib`, which puts its folder on sys.path as the fixture does. */
async function rewritten(
  file: string,
  source: Buffer | string,
  more: Record<string, string> = {},
  module = fixture('v1'),
) {
  const scan = await scanTree(treeOf({[MODULE]: module, [file]: source, ...more}), nodeEffects())
  const importer = scan.report.importers.find((candidate) => candidate.path === file)!
  const caller = {file: scan.importers.get(file)!, importer}
  const insertions = insertionsFor(caller, scan.report.modules, scan)
  const result = rewriteFile(caller, insertions)
  return {
    insertions: insertions.map(({lines, reason}) => ({lines, reason})),
    text: result ? result.content.toString('latin1') : null,
    rewrites: result?.rewrites ?? [],
  }
}

describe('a call site', () => {
  after(removeFolders)

  describe('that took names through a star import', () => {
    it('gets the imports that it relied on, before the star import, in the order of use', async () => {
      const source =
        '"""Doc."""\nimport os\n\nfrom lib.npu_coordination_bridge import *\n\nprint(time, asyncio, Path, WorkflowTask, os)\n'
      const {text, rewrites} = await rewritten('caller.py', source)
      expect(text).to.equal(
        source.replace('from lib', 'import time\nimport asyncio\nfrom pathlib import Path\nfrom lib'),
      )
      expect(rewrites).to.deep.equal(
        ['import time', 'import asyncio', 'from pathlib import Path'].map((inserted, index) => ({
          path: 'caller.py',
          line: 4 + index,
          inserted,
          reason: `"${inserted.split(' ').at(-1)}" came through "import *" only because the old module had imported it itself`,
        })),
      )
    })

    it('keeps indentation, line ends, a missing last line end and a byte order mark', async () => {
      const source = Buffer.from(
        '\u{FEFF}try:\r\n\tfrom lib.npu_coordination_bridge import *\r\nexcept ImportError:\r\n\tpass\r\nprint(time)',
      )
      const {text} = await rewritten('caller.py', source)
      expect(text).to.equal(source.toString('latin1').replace('\tfrom lib', '\timport time\r\n\tfrom lib'))
    })

    it('is changed in each place where it has a star import', async () => {
      const source =
        'if x:\n    from lib.npu_coordination_bridge import *\nelse:\n    from npu_coordination_bridge import *\ntime\n'
      const {text, rewrites} = await rewritten('caller.py', source)
      expect(text).to.equal(
        'if x:\n    import time\n    from lib.npu_coordination_bridge import *\nelse:\n    import time\n    from npu_coordination_bridge import *\ntime\n',
      )
      expect(rewrites.map(({line}) => line)).to.deep.equal([2, 5])
    })

    it('is not changed for names that it has from elsewhere', async () => {
      for (const source of [
        'from lib.npu_coordination_bridge import *\nimport time\nprint(time)\n',
        'from lib.npu_coordination_bridge import *\nprint(WorkflowTask, NPU_AVAILABLE)\n',
        'from lib.npu_coordination_bridge import *\ndef f(time): return time\n',
        'from lib.npu_coordination_bridge import WorkflowTask\nprint(time)\n',
      ])
        expect((await rewritten('caller.py', source)).insertions, source).to.deep.equal([])
    })

    it('is left alone when the import continues a line', async () => {
      const {text} = await rewritten('caller.py', 'if True: \\\n  from lib.npu_coordination_bridge import *\ntime\n')
      expect(text).to.equal(null)
    })

    it('asks the module itself for what that did not simply import', async () => {
      const scan = await scanTree(
        treeOf({
          [MODULE]: `import json as j, os.path\nfrom . import near\nfrom a.b import c as d, e\ntry:\n    import fast\nexcept ImportError:\n    fast = None\nlogger = 1\n${fixture('v1')}`,
          'caller.py': 'from lib.npu_coordination_bridge import *\n',
        }),
        nodeEffects(),
      )
      const target = scan.modules.get(MODULE)!
      const reference = scan.report.importers[0]!.references[0]!
      const from = 'from lib.npu_coordination_bridge import'
      expect(
        ['j', 'os', 'd', 'e', 'near', 'fast', 'logger', 'time'].map((name) => importOf(name, reference, target)),
      ).to.deep.equal([
        'import json as j',
        'import os.path',
        'from a.b import c as d',
        'from a.b import e',
        `${from} near`,
        `${from} fast`,
        `${from} logger`,
        'import time',
      ])
    })
  })

  describe('that found modules on sys.path because of the old one', () => {
    const source = 'from lib.npu_coordination_bridge import WorkflowTask\nimport planner\n'
    const planner = {'lib/planner.py': ''}

    it('gets the folder on sys.path itself, from wherever it stands', async () => {
      const {text, rewrites} = await rewritten('tools/deep/caller.py', source, planner)
      expect(text).to.equal(
        'from lib.npu_coordination_bridge import WorkflowTask\nimport os.path\nimport sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))\nimport planner\n',
      )
      expect(rewrites.map(({line}) => line)).to.deep.equal([2, 3, 4])
      expect(rewrites[0]?.reason).to.equal('"planner" was found only because the old module put lib on sys.path')
    })

    it('counts packages as modules, and "from" imports as imports', async () => {
      const from = 'import lib.npu_coordination_bridge\nfrom planner.deep import x\n'
      const {insertions} = await rewritten('caller.py', from, {'lib/planner/deep.py': ''})
      expect(insertions[0]?.lines[2]).to.equal(
        'sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))',
      )
    })

    for (const [why, file, text, more, module] of [
      ['it comes before the import of the module', 'caller.py', source.split('\n').toReversed().join('\n'), planner],
      ['it is a module of the standard library', 'caller.py', source.replace('planner', 'queue'), {'lib/queue.py': ''}],
      ['it stands beside the caller', 'tools/caller.py', source, {...planner, 'tools/planner.py': ''}],
      ['it stands at the root', 'tools/caller.py', source, {...planner, 'planner/__init__.py': ''}],
      ['it is not there', 'caller.py', source, {}],
      ['the caller stands beside the module', 'lib/caller.py', source, planner],
      ['the caller sees to sys.path itself', 'caller.py', `import sys\nsys.path.append("lib")\n${source}`, planner],
      [
        'the module is imported in a function only',
        'caller.py',
        `def f():\n    import lib.npu_coordination_bridge\nimport planner\n`,
        planner,
      ],
      ['the module leaves sys.path alone', 'caller.py', source, planner, fixture('v1').replace(/^sys\.path.*$/m, '')],
    ] as const) {
      it(`is not changed when ${why}`, async () => {
        expect((await rewritten(file, text, more, module)).insertions).to.deep.equal([])
      })
    }
  })
})
