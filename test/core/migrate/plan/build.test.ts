import {expect} from 'chai'
import {appendFileSync, chmodSync, linkSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Effects} from '../../../../src/core/migrate/effects.ts'
import type {MigrationPlan} from '../../../../src/core/migrate/plan/plan.ts'

import {sha256} from '../../../../src/core/migrate/hash.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {buildPlan, type PlanOptions} from '../../../../src/core/migrate/plan/build.ts'
import {scanTree} from '../../../../src/core/migrate/scan/scan.ts'
import {NOON} from '../crash/noon.ts'
import {
  fixture,
  fixtureTree,
  removeFolders,
  runMigrate,
  snapshot,
  treeOf,
  V1_MODULE,
  withoutProcesses,
} from '../workspace.ts'

const ARCHIVE = 'deprecated/npu_bridge_python_legacy_20261124'

function effects(): Effects {
  const real = nodeEffects()
  return {...real, clock: {...real.clock, now: () => NOON}}
}

async function planOf(root: string, options: Partial<PlanOptions> = {}, using = effects()): Promise<MigrationPlan> {
  const scan = await scanTree(root, using)
  return buildPlan(scan, using, {kind: 'migrate', strategy: 'replace', version: '0.1.0', install: null, ...options})
}

function fileOf(plan: MigrationPlan, file: string) {
  const found = plan.files.find((candidate) => candidate.path === file)
  expect(found, file).not.to.equal(undefined)
  return found!
}

const reasonFor = (plan: MigrationPlan, file: string) => plan.left.find((item) => item.path === file)?.reason

describe('a plan', () => {
  after(removeFolders)

  it('lists everything that will happen, the archive first and the wrapper last', async () => {
    const plan = await planOf(fixtureTree('v1'))
    expect(plan.kind).to.equal('migrate')
    expect(plan.strategy).to.equal('replace')
    expect(plan.version).to.equal('0.1.0')
    expect(plan.folders).to.deep.equal(['deprecated', ARCHIVE])
    expect(plan.files.map(({role, action, path: file}) => `${role} ${action} ${file}`)).to.deep.equal([
      `archive create ${ARCHIVE}/npu_coordination_bridge_buggy_original.py`,
      `archive-readme create ${ARCHIVE}/README.md`,
      `archive-checksum create ${ARCHIVE}/SHA256SUMS`,
      'call-site replace agents/src/python/reporting.py',
      'call-site replace tools/scheduler.py',
      'call-site replace tools/windows.py',
      `wrapper replace ${V1_MODULE}`,
    ])
    expect(plan.modules).to.deep.equal([
      {path: V1_MODULE, archive: `${ARCHIVE}/npu_coordination_bridge_buggy_original.py`},
    ])
    expect(plan.blockers).to.deep.equal([])
    expect(plan.warnings).to.deep.equal([])
    expect(plan.install).to.equal(null)
  })

  it('is the same for the same tree, whenever it is made', async () => {
    const root = fixtureTree('v2')
    const [one, two] = [await planOf(root), await planOf(root)]
    expect(one.files.map((file) => file.after.sha256)).to.deep.equal(two.files.map((file) => file.after.sha256))
  })

  it('writes nothing', async () => {
    const root = fixtureTree('v1')
    const before = snapshot(root)
    await planOf(root)
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('knows hash, mode and owner of what it replaces, and keeps the latter two', async () => {
    const root = fixtureTree('v1')
    chmodSync(path.join(root, V1_MODULE), 0o750)
    const plan = await planOf(root)
    const wrapper = fileOf(plan, V1_MODULE)
    const owner = {uid: process.getuid!(), gid: process.getgid!()}
    expect(wrapper.before).to.deep.equal({sha256: sha256(fixture('v1')), mode: 0o750, ...owner})
    expect(wrapper.after).to.deep.equal({sha256: sha256(wrapper.content), mode: 0o750, ...owner})
    expect(wrapper.content.toString()).to.include('# npubridge wrapper:')
    const archive = plan.files[0]!
    expect(archive.before).to.equal(null)
    expect(archive.after).to.deep.equal({sha256: sha256(fixture('v1')), mode: 0o750, uid: null, gid: null})
    expect(fileOf(plan, `${ARCHIVE}/README.md`).after.mode).to.equal(0o644)
  })

  it('puts the day, the place, the hash and the defects into the README of the archive', async () => {
    const root = fixtureTree('v1')
    const readme = fileOf(await planOf(root), `${ARCHIVE}/README.md`).content.toString()
    expect(readme).to.include(`# The original of ${V1_MODULE}\n`)
    expect(readme).to.include('Put away on 2026-11-24 by npubridge 0.1.0')
    expect(readme).to.include('(generation v1)')
    expect(readme).to.include(`sha256 ${sha256(fixture('v1'))}\n`)
    expect(readme).to.include('- A name is used that is neither imported nor defined (line 27, 280).\n')
    expect(readme.match(/^- /gm)).to.have.length(6)
    const clean = fixture('v2').replaceAll(/try:\n {12}self\.initialized = False\n.*\n.*/g, 'self.initialized = False')
    const none = clean
      .replaceAll('self.results_cache = {}', 'self.results_cache = BoundedDict(9)')
      .replaceAll('asyncio.ensure_future(self._execute(operation))', 'await self._execute(operation)')
      .replaceAll('np = None', 'np = None\nfrom bounded import BoundedDict')
    const other = await planOf(treeOf({'m.py': none}))
    expect(fileOf(other, `${ARCHIVE}/README.md`).content.toString()).to.include('- none of the six known ones.')
  })

  it('gives each of several modules an archive and a wrapper that knows its own', async () => {
    const root = treeOf({'a/npu_coordination_bridge.py': fixture('v1'), 'b/c/other.py': fixture('v2')})
    mkdirSync(path.join(root, ARCHIVE), {recursive: true})
    const plan = await planOf(root)
    expect(plan.folders).to.deep.equal([`${ARCHIVE}_2`, `${ARCHIVE}_3`])
    expect(plan.modules.map(({archive}) => path.dirname(archive))).to.deep.equal([`${ARCHIVE}_2`, `${ARCHIVE}_3`])
    const name = 'npu_coordination_bridge_buggy_original.py'
    const line = (file: string) => /^# archive: (.*)$/m.exec(fileOf(plan, file).content.toString())?.[1]
    expect(line('a/npu_coordination_bridge.py')).to.equal(`../${ARCHIVE}_2/${name}`)
    expect(line('b/c/other.py')).to.equal(`../../${ARCHIVE}_3/${name}`)
    expect(fileOf(plan, `${ARCHIVE}_3/${name}`).content.toString()).to.equal(fixture('v2'))
    expect(fileOf(plan, `${ARCHIVE}_3/SHA256SUMS`).content.toString()).to.equal(`${sha256(fixture('v2'))}  ${name}\n`)
  })

  it('says of every file that it leaves alone why', async () => {
    const plan = await planOf(fixtureTree('v1'))
    expect(reasonFor(plan, 'tools/latin.py')).to.equal('works unchanged: the wrapper has the same path and names')
    expect(reasonFor(plan, 'notebooks/try the bridge.ipynb')).to.include('notebooks are never changed')
    expect(reasonFor(plan, 'deploy/Dockerfile')).to.equal('only mentions the module, which keeps its path')
    expect(plan.left.filter(({path: file}) => file === 'README.md')).to.have.length(1)
    expect(plan.left.map(({path: file}) => file)).not.to.include('tools/scheduler.py')
    expect(plan.left.map(({path: file}) => file)).not.to.include('agents/director.md')
  })

  it('tells what a notebook has to import by hand', async () => {
    const cell = {cell_type: 'code', source: ['from npu_coordination_bridge import *\n', 'time.time(); Path()']}
    const root = treeOf({
      'npu_coordination_bridge.py': fixture('v1'),
      'n.ipynb': JSON.stringify({cells: [cell], nbformat: 4}),
    })
    expect(reasonFor(await planOf(root), 'n.ipynb')).to.equal(
      'notebooks are never changed; import by hand what came through "import *": time, Path',
    )
  })

  it('changes no caller for a roll-out, in which the original keeps running', async () => {
    const plan = await planOf(fixtureTree('v1'), {strategy: 'shadow'})
    expect(plan.rewrites).to.deep.equal([])
    expect(plan.files.map(({role}) => role)).not.to.include('call-site')
    expect(fileOf(plan, V1_MODULE).content.toString()).to.include('# strategy: shadow')
  })

  it('leaves plain modules and their callers to migrate when a roll-out is promoted', async () => {
    const plan = await planOf(fixtureTree('v1'), {kind: 'promote'})
    expect(plan).to.deep.include({kind: 'promote', files: [], folders: [], modules: [], rewrites: []})
    expect(plan.left.every(({reason}) => reason.startsWith('only mentions'))).to.equal(true)
  })

  it('replaces the wrapper of a roll-out when that is promoted, and rewrites the callers that need it then', async () => {
    const root = fixtureTree('v1')
    const using = effects()
    await runMigrate(root, {strategy: 'shadow'}, {...withoutProcesses(), clock: using.clock})
    const scan = await scanTree(root, using, {throughShadows: true})
    const request = {kind: 'promote', strategy: 'replace', version: '0.1.0', install: null} as const
    const plan = buildPlan(scan, using, request)
    const archive = `${ARCHIVE}/npu_coordination_bridge_buggy_original.py`
    expect(plan.modules).to.deep.equal([{path: V1_MODULE, archive}])
    expect(plan.folders).to.deep.equal([])
    expect(plan.files.map(({role}) => role)).to.deep.equal(['call-site', 'call-site', 'call-site', 'wrapper'])
    const wrapper = fileOf(plan, V1_MODULE)
    expect(wrapper.content.toString()).to.include('# strategy: replace')
    expect(wrapper.before!.sha256).to.equal(sha256(readFileSync(path.join(root, V1_MODULE))))
  })

  it('lists each line that a caller gets, where it will stand and why', async () => {
    const {rewrites} = await planOf(fixtureTree('v1'))
    const lines = rewrites.map(({path: file, line, inserted}) => `${file}:${line} ${inserted}`)
    expect(lines).to.include('agents/src/python/reporting.py:3 import time')
    expect(lines.filter((line) => line.startsWith('tools/scheduler.py:7 sys.path.insert(0, '))).to.have.length(1)
    for (const {reason} of rewrites) expect(reason).to.match(/^\S.{10,}/)
  })

  it('tells what to add by hand to a caller that it cannot change', async () => {
    const root = treeOf({
      'm.py': fixture('v1'),
      'two.py': 'from m import *\nprint time.time()\n',
      'joined.py': 'x = 1; \\\nfrom m import *\nprint(time.time())\n',
      'sound.py': 'from m import WorkflowTask\n',
    })
    const plan = await planOf(root)
    expect(plan.rewrites).to.deep.equal([])
    expect(reasonFor(plan, 'two.py')).to.equal('Python 2 code: read, never changed; add by hand: import time')
    expect(reasonFor(plan, 'joined.py')).to.equal('no place found; add by hand: import time')
    expect(reasonFor(plan, 'sound.py')).to.equal('works unchanged: the wrapper has the same path and names')
  })

  it('has nothing to say of callers of a module that it does not replace', async () => {
    const root = treeOf({
      'm.py': fixture('v1'),
      'caller.py': 'from m import WorkflowTask\n',
      'other.py': 'from elsewhere.npu_coordination_bridge import WorkflowTask\n',
    })
    expect((await planOf(root)).left.map(({path: file}) => file)).to.deep.equal(['caller.py'])
  })

  it('keeps a shebang and makes a script of a script only', async () => {
    const root = treeOf({
      'script.py': fixture('v1'),
      'plain.py': fixture('v1')
        .replace(/^#!.*\n/, '')
        .replace(/\nif __name__[^]*$/, '\n'),
    })
    const plan = await planOf(root)
    const script = fileOf(plan, 'script.py').content.toString()
    const plain = fileOf(plan, 'plain.py').content.toString()
    expect(script.startsWith('#!/usr/bin/env python3\n# npubridge wrapper:')).to.equal(true)
    expect(script).to.include('if __name__ == "__main__"')
    expect(plain.startsWith('# npubridge wrapper:')).to.equal(true)
    expect(plain).not.to.include('__main__')
  })

  describe('has something in its way', () => {
    it('when a file that it replaces is read-only', async () => {
      const root = fixtureTree('v1')
      chmodSync(path.join(root, 'tools/windows.py'), 0o444)
      chmodSync(path.join(root, 'tools/router.py'), 0o444)
      expect((await planOf(root)).blockers).to.deep.equal([
        {path: 'tools/windows.py', problem: 'is read-only', advice: `chmod u+w "${root}/tools/windows.py"`},
      ])
    })

    it('when it may not write to a folder', async () => {
      const root = fixtureTree('v2')
      const using = effects()
      const fs = {...using.fs, mayWrite: (file: string) => !file.endsWith('/coordination')}
      const {blockers} = await planOf(root, {}, {...using, fs})
      expect(blockers).to.deep.equal([
        {
          path: 'coordination/npu_coordination_bridge.py',
          problem: 'stands in a folder that this user may not write to: coordination',
          advice: `run npubridge as the owner of "${root}/coordination"`,
        },
      ])
    })

    it('when it may not write to the root, where the journal goes', async () => {
      const root = fixtureTree('v2')
      const using = effects()
      const fs = {...using.fs, mayWrite: (file: string) => file !== root}
      expect((await planOf(root, {}, {...using, fs})).blockers).to.deep.equal([
        {
          path: '.',
          problem: 'may not be written to by this user, and the journal goes there',
          advice: `run npubridge as the owner of "${root}"`,
        },
      ])
    })

    it('when a file is called deprecated', async () => {
      const root = treeOf({'m.py': fixture('v1'), deprecated: ''})
      const {blockers, folders} = await planOf(root)
      expect(blockers).to.deep.equal([
        {path: 'deprecated', problem: 'is a file, and the archive needs a folder of this name', advice: 'rename it'},
      ])
      expect(folders).to.deep.equal([ARCHIVE])
    })
  })

  describe('warns', () => {
    it('of hard links', async () => {
      const root = treeOf({'m.py': fixture('v1')})
      linkSync(path.join(root, 'm.py'), path.join(root, 'second.txt'))
      expect((await planOf(root)).warnings).to.deep.equal([
        'm.py has 2 names (hard links): the other ones will keep the old content',
      ])
    })

    it('of wrappers of an earlier migration that were edited', async () => {
      const root = treeOf({'a.py': fixture('v1')})
      await runMigrate(root, {}, withoutProcesses())
      appendFileSync(path.join(root, 'a.py'), '# edited\n')
      writeFileSync(path.join(root, 'b.py'), fixture('v2'))
      expect((await planOf(root)).warnings).to.deep.equal([
        'a.py was migrated before, but its content does not match the hash in its header',
      ])
    })

    it('of modules that would hide npubridge', async () => {
      const root = treeOf({
        'm.py': fixture('v1'),
        'npubridge.py': '',
        'a/m.py': fixture('v1'),
        'a/npubridge/__init__.py': '',
        'b/npubridge.py': '',
      })
      const {warnings} = await planOf(root)
      expect(warnings.map((warning) => warning.split(', ', 1)[0])).to.deep.equal([
        'a/npubridge/__init__.py may hide the package npubridge from a/m.py',
        'npubridge.py may hide the package npubridge from m.py',
      ])
    })
  })
})
