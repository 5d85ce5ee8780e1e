import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import type {CheckOutcome} from '../../../../src/core/migrate/journal/schema.ts'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {checkImports, parseProblems, type Verifier} from '../../../../src/core/migrate/verify/checks.ts'
import {compareChecks, runChecks} from '../../../../src/core/migrate/verify/verify.ts'
import {removeFolders, snapshot, treeOf} from '../workspace.ts'

function verifier(root: string): Verifier {
  return {effects: nodeEffects(), python: 'python3', root, signal: undefined}
}

async function outcomes(
  files: Record<string, string>,
  checked: readonly string[],
): Promise<Record<string, string | true>> {
  const root = treeOf(files)
  const before = snapshot(root)
  const checks = await checkImports(verifier(root), checked)
  expect(snapshot(root)).to.deep.equal(before)
  return Object.fromEntries(checks.map(({name, ok, problem}) => [name, ok || (problem ?? 'no reason')]))
}

describe('the check of imports', () => {
  after(removeFolders)

  it('tries a file as a script and as part of its package', async () => {
    expect(
      await outcomes(
        {
          'a/b/near.py': '',
          'a/b/plain.py': 'import near\n',
          'a/b/relative.py': 'from . import near\n',
          'a/__init__.py': 'X = 1\n',
        },
        ['a/b/plain.py', 'a/b/relative.py', 'a/__init__.py'],
      ),
    ).to.deep.equal({
      'a/b/plain.py as a script': true,
      'a/b/plain.py as a.b.plain': "ModuleNotFoundError: No module named 'near'",
      'a/b/relative.py as a script': 'ImportError: attempted relative import with no known parent package',
      'a/b/relative.py as a.b.relative': true,
      'a/__init__.py as a': true,
    })
  })

  it('has no dotted name for a file that cannot have one', async () => {
    expect(await outcomes({'my scripts/run-it.py': 'x = 1\n'}, ['my scripts/run-it.py'])).to.deep.equal({
      'my scripts/run-it.py as a script': true,
    })
  })

  it('does not execute what a script does, only its imports and what they need', async () => {
    const script = [
      '"""A script."""',
      'from __future__ import annotations',
      'import os, sys',
      'HERE = os.path.dirname(os.path.abspath(__file__))',
      'def folder(name):',
      '    return os.path.join(HERE, name)',
      'sys.path.insert(0, folder("lib"))',
      'for extra in ("more",):',
      '    sys.path.append(os.path.join(HERE, extra))',
      'if sys.version_info > (3,):',
      '    import near',
      '    open("written.txt", "w").write("x")',
      'try:',
      '    import nothing_of_the_kind',
      'except ImportError:',
      '    nothing_of_the_kind = None',
      'import far',
      'open("written.txt", "w").write("x")',
      'os.mkdir("made")',
      'sys.exit(3)',
    ].join('\n')
    expect(await outcomes({'run.py': script, 'lib/near.py': '', 'more/far.py': ''}, ['run.py'])).to.deep.equal({
      'run.py as a script': true,
      'run.py as run': true,
    })
  })

  it('executes a module whose top level only defines things, so that it notices what that needs', async () => {
    const module =
      'import logging\nlogging.getLogger("x").debug("quiet")\nVALUE = missing_name\nif __name__ == "__main__":\n    explode()\n'
    expect(await outcomes({'m.py': module}, ['m.py'])).to.deep.equal({
      'm.py as a script': "NameError: name 'missing_name' is not defined",
      'm.py as m': "NameError: name 'missing_name' is not defined",
    })
  })

  it('survives whatever an import does to its process', async () => {
    const found = await outcomes(
      {
        'exits.py': 'import os\nX = os._exit(0)\n',
        'quits.py': 'import sys\nX = sys.exit("enough")\n',
        'crashes.py': 'import os, signal\nX = os.kill(os.getpid(), signal.SIGSEGV)\n',
        'prints.py': 'X = print("noise" * 100000)\n',
        'two.py': 'print "old"\n',
        'fine.py': 'X = 1\n',
      },
      ['exits.py', 'quits.py', 'crashes.py', 'prints.py', 'two.py', 'fine.py'],
    )
    expect(found).to.deep.include({
      'exits.py as exits': 'ended its process',
      'quits.py as quits': 'SystemExit: enough',
      'crashes.py as crashes': 'killed by signal 11',
      'prints.py as prints': true,
      'fine.py as fine': true,
    })
    expect(found['two.py as two']).to.match(/^SyntaxError: Missing parentheses/)
  })

  it('reads notebooks, in their own folder and without their magic', async () => {
    const source = [
      '%matplotlib inline\n',
      'import sys; sys.path.append("../lib")\n',
      'import near\n',
      '!ls\n',
      'undefined()',
    ]
    const cells = [
      {cell_type: 'code', source},
      {cell_type: 'code', source: ['%%bash\n', 'echo not python']},
    ]
    const notebook = JSON.stringify({cells, nbformat: 4})
    expect(
      await outcomes({'notes/n.ipynb': notebook, 'lib/near.py': '', 'x.ipynb': '{}'}, ['notes/n.ipynb', 'x.ipynb']),
    ).to.deep.equal({
      'notes/n.ipynb as a script': true,
    })
  })

  it('names an interpreter that cannot be used', async () => {
    const root = treeOf({'m.py': ''})
    for (const [python, why] of [
      ['/no/such/python', 'there is no such program'],
      ['false', 'exit'],
    ] as const) {
      try {
        await checkImports({...verifier(root), python}, ['m.py'])
        expect.fail('was used')
      } catch (error) {
        expect(error).to.be.instanceOf(NpuBridgeError)
        expect((error as NpuBridgeError).message).to.include(`${python} cannot be used for verification`)
        if (python !== 'false') expect((error as NpuBridgeError).message).to.include(why)
      }
    }
  })
})

describe('the check of sources', () => {
  it('asks Python itself, in whatever encoding', async () => {
    const sources = [
      ['good.py', Buffer.from('x = 1\n')],
      ['two.py', Buffer.from('print "x"\n')],
      ['latin.py', Buffer.from('# coding: latin-1\nx = "\u{FC}"\n', 'latin1')],
      ['undeclared.py', Buffer.from('x = "\u{FC}"\n', 'latin1')],
      ['null.py', Buffer.from('x = 1\0\n')],
    ] as const
    const problems = await parseProblems(
      verifier('/'),
      sources.map(([path, content]) => ({path, content})),
    )
    expect(problems.map((problem) => problem === null)).to.deep.equal([true, false, true, false, false])
    expect(problems[1]).to.include('two.py, line 1')
  })
})

describe('verification', () => {
  after(removeFolders)

  const check = (name: string, ok: boolean): CheckOutcome => ({name, ok, problem: ok ? null : 'why'})

  it('counts only what worked before against a migration', () => {
    const before = [check('a', true), check('b', false), check('c', true), check('d', false)]
    const after = [check('a', true), check('b', false), check('c', false), check('d', true), check('e', false)]
    const {regressions, failedBefore} = compareChecks(before, after)
    expect(regressions.map(({name}) => name)).to.deep.equal(['c'])
    expect(failedBefore.map(({name}) => name)).to.deep.equal(['b', 'e'])
  })

  it('runs the command of the user in the tree, keeps its last words and sends its caches elsewhere', async () => {
    const root = treeOf({'m.py': 'X = 1\n', 'test_m.py': 'import m\nassert m.X == 1\n'})
    const before = snapshot(root)
    const request = {python: null, importers: [], requireNpubridge: false}
    const tree = {effects: nodeEffects(), root, signal: undefined}
    const good = await runChecks(tree, {...request, command: 'python3 -c "import test_m" && test -f m.py'})
    expect(good).to.deep.equal([{name: 'command: python3 -c "import test_m" && test -f m.py', ok: true, problem: null}])
    expect(snapshot(root)).to.deep.equal(before)
    const [bad] = await runChecks(tree, {...request, command: 'echo out; echo err >&2; exit 7'})
    expect(bad?.problem).to.equal('exit code 7\nout\nerr')
    const [caches] = await runChecks(tree, {
      ...request,
      command: 'echo "$PYTHONPYCACHEPREFIX $PYTEST_ADDOPTS"; exit 1',
    })
    expect(caches?.problem).to.match(
      /npubridge-verify-[\da-f]+\/pycache .*cache_dir="[^"]*npubridge-verify-[\da-f]+\/pytest"/,
    )
    expect(await runChecks(tree, {...request, command: null})).to.deep.equal([])
  })
})
