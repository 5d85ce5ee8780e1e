import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {existsSync, readFileSync, rmSync} from 'node:fs'
import path from 'node:path'

import {sha256} from '../../../src/core/migrate/hash.ts'
import {
  commitAll,
  fixture,
  fixtureTree,
  python,
  removeFolders,
  runMigrate,
  snapshot,
  V1_MODULE,
  V2_MODULE,
  withNpubridge,
  withoutProcesses,
} from './workspace.ts'

const TESTS = 'python3 -m unittest discover -s tests -t .'

describe('migrate', () => {
  after(removeFolders)

  for (const [name, module] of [
    ['v1', V1_MODULE],
    ['v2', V2_MODULE],
  ] as const) {
    describe(`of a code base of generation ${name}`, () => {
      it('puts the original away byte for byte, with a README and a checksum', async () => {
        const root = fixtureTree(name)
        const report = await runMigrate(root, {}, withoutProcesses())
        const {archive} = report.plan!.modules[0]!
        expect(archive).to.match(
          /^deprecated\/npu_bridge_python_legacy_\d{8}\/npu_coordination_bridge_buggy_original\.py$/,
        )
        expect(readFileSync(path.join(root, archive), 'utf8')).to.equal(fixture(name))
        const sums = readFileSync(path.join(root, path.dirname(archive), 'SHA256SUMS'), 'utf8')
        expect(sums).to.equal(`${sha256(fixture(name))}  ${path.basename(archive)}\n`)
        const readme = readFileSync(path.join(root, path.dirname(archive), 'README.md'), 'utf8')
        expect(readme).to.include(module)
      })

      it('leaves no caches behind', async () => {
        const root = fixtureTree(name)
        await runMigrate(root, {verifyCommand: TESTS})
        expect(Object.keys(snapshot(root)).filter((file) => /__pycache__|\.pyc$|\.pytest_cache/.test(file))).to.be.empty
      })

      it('says "already migrated" the second time and writes nothing', async () => {
        const root = fixtureTree(name)
        await runMigrate(root, {}, withoutProcesses())
        const journals = () => snapshot(path.join(root, '.npubridge'))
        const [before, journalsBefore] = [snapshot(root), journals()]
        const report = await runMigrate(root, {}, withoutProcesses())
        expect(report.status).to.equal('already-migrated')
        expect(snapshot(root)).to.deep.equal(before)
        expect(journals()).to.deep.equal(journalsBefore)
      })
    })
  }

  it('changes nothing in a dry run', async () => {
    const root = fixtureTree('v1')
    const before = snapshot(root)
    const report = await runMigrate(root, {dryRun: true})
    expect(report.status).to.equal('planned')
    expect(report.plan!.rewrites.map(({path: file}) => file)).to.include('tools/scheduler.py')
    expect(snapshot(root)).to.deep.equal(before)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)
  })

  it('changes nothing when the user declines', async () => {
    const root = fixtureTree('v1')
    const before = snapshot(root)
    const report = await runMigrate(root, {confirm: async () => false}, withoutProcesses())
    expect(report.status).to.equal('declined')
    expect(snapshot(root)).to.deep.equal(before)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)
  })

  it('has nothing to do where there is no legacy module', async () => {
    const plain = fixtureTree('v2')
    rmSync(path.join(plain, V2_MODULE))
    expect((await runMigrate(plain, {}, withoutProcesses())).status).to.equal('nothing-to-do')
  })

  it('rewrites callers only where they would break', async () => {
    const root = fixtureTree('v1')
    const before = snapshot(root)
    await runMigrate(root, {}, withoutProcesses())
    const after = snapshot(root)
    const changed = Object.keys(before).filter((file) => before[file] !== after[file])
    expect(changed).to.have.members([
      'agents/src/python/npu_coordination_bridge.py',
      'agents/src/python/reporting.py',
      'tools/scheduler.py',
      'tools/windows.py',
    ])
    const windows = readFileSync(path.join(root, 'tools/windows.py'))
    expect(windows.subarray(0, 3)).to.deep.equal(Buffer.from([0xef, 0xbb, 0xbf]))
    expect(windows.toString('latin1').replaceAll('\r\n', '')).not.to.match(/[\r\n]/)
  })

  it('finds a caller that would have lost a module on sys.path, and keeps it working', async () => {
    const root = fixtureTree('v1')
    const check = ['-c', 'from tools.scheduler import schedule; print(schedule(["a"])[0].description)']
    expect(python(root, check).stdout.trim()).to.equal('planner')
    await runMigrate(root, {}, withoutProcesses())
    expect(python(root, check, withNpubridge()).stdout.trim()).to.equal('planner')
  })

  it('takes everything back when the tests fail that passed before', async () => {
    const root = commitAll(fixtureTree('v2'))
    const before = snapshot(root)
    const command = `python3 -c "import sys; sys.exit('npubridge wrapper' in open('${V2_MODULE}').read())"`
    const report = await runMigrate(root, {verifyCommand: command})
    expect(report.status).to.equal('rolled-back')
    expect(report.execution?.verification.regressions.map(({name}) => name)).to.deep.equal([`command: ${command}`])
    expect(snapshot(root)).to.deep.equal(before)
    expect((await runMigrate(root, {}, withoutProcesses())).status).to.equal('migrated')
  })

  it('accepts tests that failed before as well', async () => {
    const root = fixtureTree('v2')
    const report = await runMigrate(root, {verifyCommand: 'exit 3'})
    expect(report.status).to.equal('migrated')
    expect(report.execution?.verification.failedBefore.map(({name}) => name)).to.include('command: exit 3')
  })
})
