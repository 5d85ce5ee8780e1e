import {expect} from 'chai'
import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import type {SetupResult} from '../../src/core/runtime/setup.ts'

import {thisHost, wheelFor} from '../../src/core/runtime/wheel.ts'
import {BIN, HAS_ENGINE, npubridge} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {startIndex} from '../support/index-server.ts'
import {expectSchema} from '../support/schema.ts'

/** The real command line with the real pip: against PyPI where it must work, against an index of ours where it must not. */
describe('npubridge setup with pip', () => {
  let home = ''

  before(function () {
    try {
      execFileSync('python3', ['-m', 'pip', '--version'], {stdio: 'ignore'})
    } catch {
      this.skip()
    }
  })

  beforeEach(async () => {
    home = await makeFolder()
  })

  afterEach(async () => removeFolder(home))

  const runtimes = () => path.join(home, 'runtimes')

  async function setup(...args: string[]): Promise<SetupResult> {
    const {stdout} = await npubridge(home, ['setup', '--json', ...args])
    return expectSchema<SetupResult>('setup', stdout)
  }

  it('installs once when two run at once, and finds it done in less than a second afterwards', async () => {
    const results = await Promise.all([setup('--force'), setup('--force')])
    expect(results.map(({outcome}) => outcome).toSorted()).to.deep.equal(['installed', 'unchanged'])
    const kinds = results.map(({verification: {kind}}) => kind)
    expect(kinds).to.deep.equal(HAS_ENGINE ? ['devices', 'devices'] : ['files', 'files'])
    const {folder} = results[0].runtime
    expect(folder).to.equal(path.join(runtimes(), 'openvino-2026.4.1'))
    expect(await readdir(folder)).to.include.members(['libopenvino_c.so.2641', 'runtime.json', 'licenses'])
    const again = await setup()
    expect(again).to.include({outcome: 'unchanged', downloadedBytes: 0})
    expect(again.seconds).to.be.lessThan(1)
    expect(await readdir(path.join(home, 'cache', 'downloads'))).to.deep.equal([])
    const other = path.join(home, 'other')
    const withoutEngine = await npubridge(other, ['setup', '--json', '--runtime', folder], {
      NPUBRIDGE_NATIVE: '/nowhere',
    })
    const {outcome, verification} = expectSchema<SetupResult>('setup', withoutEngine.stdout)
    expect([outcome, verification.kind]).to.deep.equal(['recorded', 'files'])
  }).timeout(300_000)

  it('leaves nothing half done when interrupted, says so with 130, and can be run again', async () => {
    const env = {...process.env, NPUBRIDGE_HOME: home}
    const child = spawn(process.execPath, [BIN, 'setup', '--force'], {env, stdio: 'ignore'})
    while (!existsSync(path.join(home, 'cache', 'downloads'))) await sleep(20)
    child.kill('SIGINT')
    expect((await once(child, 'exit'))[0]).to.equal(130)
    expect(await readdir(runtimes())).to.deep.equal([])
    expect((await setup('--force')).outcome).to.equal('installed')
  }).timeout(300_000)

  it('refuses what an index serves under the name of the wheel', async () => {
    const wheel = wheelFor(thisHost())
    const index = await startIndex('openvino', wheel.file, (response) => {
      response.end('not the wheel')
    })
    try {
      const {stderr, exitCode} = await npubridge(home, ['setup', '--force'], index.env)
      expect(exitCode).to.equal(1)
      expect(stderr).to.contain('(RUNTIME_NOT_FOUND)').and.to.contain(wheel.sha256)
      expect(await readdir(runtimes())).to.deep.equal([])
      expect(await readdir(path.join(home, 'cache', 'downloads'))).to.deep.equal([])
    } finally {
      index.stop()
    }
  })

  it('explains a connection that breaks off, and keeps nothing of it', async () => {
    const wheel = wheelFor(thisHost())
    const index = await startIndex('openvino', wheel.file, (response) => {
      response.writeHead(200, {'content-length': wheel.bytes})
      response.write('x'.repeat(100_000), () => {
        response.destroy()
      })
    })
    try {
      const {stderr, exitCode} = await npubridge(home, ['setup', '--force'], index.env)
      expect(exitCode).to.equal(1)
      expect(stderr).to.contain('(RUNTIME_NOT_FOUND)').and.to.contain('pip').and.to.contain('--wheel FILE')
      expect(await readdir(path.join(home, 'cache', 'downloads'))).to.deep.equal([])
    } finally {
      index.stop()
    }
  })
})
