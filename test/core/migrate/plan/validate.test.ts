import {expect} from 'chai'
import {Buffer} from 'node:buffer'

import type {Effects} from '../../../../src/core/migrate/effects.ts'
import type {MigrationPlan, PlannedFile} from '../../../../src/core/migrate/plan/plan.ts'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {validatePlan} from '../../../../src/core/migrate/plan/validate.ts'
import {removeFolders, treeOf} from '../workspace.ts'

const OLD = {'caller.py': 'old caller', 'm.py': 'old module', 'other.py': 'old other'}

function file(role: PlannedFile['role'], name: string, content: string): PlannedFile {
  const state = {sha256: '0'.repeat(64), mode: 0o644, uid: null, gid: null}
  return {role, action: 'replace', path: name, before: state, after: state, content: Buffer.from(content)}
}

function plan(root: string): MigrationPlan {
  return {
    root,
    kind: 'migrate',
    strategy: 'replace',
    version: '0.1.0',
    folders: [],
    files: [
      file('archive', 'archive.py', 'never parsed'),
      file('call-site', 'caller.py', 'new caller'),
      file('call-site', 'other.py', 'new other'),
      file('wrapper', 'm.py', 'new module'),
    ],
    modules: [],
    rewrites: ['caller.py', 'other.py'].map((name) => ({path: name, line: 1, inserted: 'import time', reason: 'why'})),
    left: [{path: 'README.md', reason: 'only mentions the module'}],
    names: [],
    warnings: [],
    blockers: [],
    install: null,
  }
}

/** Effects whose Python refuses these sources; what it was asked goes to `asked`. */
function refusing(refused: Readonly<Record<string, string>>, asked: string[] = []): Effects {
  return {
    ...nodeEffects(),
    processes: {
      async run(_command, _args, options) {
        const {parse} = JSON.parse(options!.input!) as {parse: Array<{path: string; content: string}>}
        const sources = parse.map(({content}) => Buffer.from(content, 'base64').toString())
        asked.push(...sources)
        const stdout = JSON.stringify(sources.map((source) => refused[source] ?? null))
        return {exitCode: 0, stdout, stderr: '', problem: null, missing: false}
      },
      shell: async () => expect.fail('no shell'),
    },
  }
}

async function failureOf(refused: Readonly<Record<string, string>>): Promise<NpuBridgeError> {
  try {
    await validatePlan(refusing(refused), 'python3', plan(treeOf(OLD)))
  } catch (error) {
    expect(error).to.be.instanceOf(NpuBridgeError)
    return error as NpuBridgeError
  }

  return expect.fail('was let through')
}

describe('a plan that Python looks at', () => {
  after(removeFolders)

  it('is carried out as it is when every source parses, before and after', async () => {
    const asked: string[] = []
    const given = plan(treeOf(OLD))
    expect(await validatePlan(refusing({}, asked), 'python3', given)).to.deep.equal(given)
    expect(asked).to.deep.equal(['old caller', 'old other', 'old module', 'new caller', 'new other', 'new module'])
  })

  it('leaves a caller alone that Python refused before as well, and says why', async () => {
    const refused = {'old caller': 'line 3: no', 'new caller': 'line 4: no'}
    const validated = await validatePlan(refusing(refused), 'python3', plan(treeOf(OLD)))
    expect(validated.files.map(({path}) => path)).to.deep.equal(['archive.py', 'other.py', 'm.py'])
    expect(validated.rewrites.map(({path}) => path)).to.deep.equal(['other.py'])
    expect(validated.left).to.deep.equal([
      {path: 'README.md', reason: 'only mentions the module'},
      {path: 'caller.py', reason: 'Python refuses it already: line 3: no'},
    ])
  })

  it('is given up when the change is what breaks a caller', async () => {
    const error = await failureOf({'new other': 'line 1: broken'})
    expect(error.code).to.equal('INTERNAL')
    expect(error.message).to.equal('what was going to be written to other.py is no Python: line 1: broken')
  })

  it('is given up when the wrapper is no Python, whatever the module was', async () => {
    const error = await failureOf({'old module': 'line 1: old', 'new module': 'line 2: new'})
    expect(error.message).to.equal('what was going to be written to m.py is no Python: line 2: new')
  })

  it('takes what was broken before and parses now', async () => {
    const given = plan(treeOf(OLD))
    expect(await validatePlan(refusing({'old caller': 'line 1: no'}), 'python3', given)).to.deep.equal(given)
  })
})
