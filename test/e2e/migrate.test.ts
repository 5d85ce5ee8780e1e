import {expect} from 'chai'
import {execFileSync, spawnSync} from 'node:child_process'
import path from 'node:path'

import {wheelOfNpubridge} from '../core/migrate/package.ts'
import {
  commitAll,
  emptyFolder,
  fixtureTree,
  git,
  QUIET,
  removeFolders,
  snapshot,
  V1_MODULE,
  V2_MODULE,
} from '../core/migrate/workspace.ts'
import {npubridge} from '../support/cli.ts'
import {expectSchema} from '../support/schema.ts'

interface Migrated {
  readonly status: string
  readonly wrappers: ReadonlyArray<{readonly path: string; readonly active: string}>
  readonly verification: {readonly regressions: readonly unknown[]}
}

/** The whole way of a code base, on the command line, with the wheel in a virtual environment. */
describe('moving a code base to the Python package', () => {
  /** The environment that npubridge is installed into. */
  const target = {python: ''}

  before(function () {
    if (!wheelOfNpubridge()) this.skip()
    const environment = path.join(emptyFolder(), 'env')
    execFileSync('python3', ['-m', 'venv', environment])
    target.python = path.join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  })

  after(removeFolders)

  /** The callers' own tests in an interpreter; gives what unittest reports. */
  function ownTests(root: string, interpreter: string): string {
    const args = ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.']
    const {status, stderr} = spawnSync(interpreter, args, {
      cwd: root,
      encoding: 'utf8',
      env: {...process.env, ...QUIET},
    })
    expect(status, stderr).to.equal(0)
    return stderr
  }

  for (const [name, module] of [
    ['v1', V1_MODULE],
    ['v2', V2_MODULE],
  ] as const) {
    it(`leaves the tests of the callers as they were, there and back and there again: generation ${name}`, async () => {
      const {python} = target
      const root = commitAll(fixtureTree(name))
      const home = emptyFolder()
      const migrate = async (...args: string[]) => npubridge(home, ['migrate', ...args], QUIET)
      const before = snapshot(root)
      expect(ownTests(root, python)).to.match(/^OK$/m)

      const planned = await migrate(root, '--dry-run', '--diff', '--python', python)
      expect(planned.exitCode, planned.stderr).to.equal(0)
      expect(planned.stdout).to.include(`+++ b/${module}`).and.to.include('install npubridge==0.1.0 into')
      expect(snapshot(root)).to.deep.equal(before)

      const command = `"${python}" -m unittest discover -s tests -t .`
      const there = [root, '--yes', '--python', python, '--verify-command', command]
      const done = await migrate(...there, '--json')
      expect(done.exitCode, done.stderr + done.stdout).to.equal(0)
      const report = expectSchema<Migrated>('migrate.schema', done.stdout)
      expect(report.status).to.equal('migrated')
      expect(report.wrappers).to.deep.equal([{path: module, active: 'npubridge', reason: null}])
      expect(report.verification.regressions).to.deep.equal([])

      const unchanged = Object.entries(before).filter(([file]) => file.startsWith('tests/'))
      expect(snapshot(root)).to.include(Object.fromEntries(unchanged))
      const onNpubridge = ownTests(root, python)
      expect(onNpubridge).not.to.include('cannot be imported')
      const onArchive = ownTests(root, 'python3')
      expect(onArchive).to.include('RuntimeWarning: npubridge cannot be imported')

      const after = snapshot(root)
      expect((await migrate(root, '--yes')).stdout).to.include('Already migrated')
      expect(snapshot(root)).to.deep.equal(after)

      const back = await migrate('rollback', root, '--yes')
      expect(back.exitCode, back.stderr).to.equal(0)
      expect(snapshot(root)).to.deep.equal(before)
      expect(git(root, 'status', '--porcelain')).to.equal('')
      expect(() => execFileSync(python, ['-c', 'import npubridge'], {stdio: 'ignore'})).to.throw()

      const again = await migrate(root, '--yes')
      expect(again.exitCode, again.stderr).to.equal(0)
      expect((await migrate('rollback', root, '--yes')).exitCode).to.equal(0)
      expect(snapshot(root)).to.deep.equal(before)
    }).timeout(180_000)
  }
})
