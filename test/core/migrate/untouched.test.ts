import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {chmodSync, existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {
  fixture,
  fixtureTree,
  removeFolders,
  runMigrate,
  runRollback,
  snapshot,
  treeOf,
  V2_MODULE,
  withoutProcesses,
} from './workspace.ts'

describe('what migrate leaves alone', () => {
  after(removeFolders)

  it('is an archive of the same day: the next one gets a folder of its own', async () => {
    const root = fixtureTree('v2')
    const first = await runMigrate(root, {}, withoutProcesses())
    const {archive} = first.plan!.modules[0]!
    rmSync(path.join(root, '.npubridge'), {recursive: true})
    writeFileSync(path.join(root, V2_MODULE), fixture('v2'))
    const second = await runMigrate(root, {}, withoutProcesses())
    expect(second.plan!.modules[0]!.archive).to.equal(archive.replace(/(_\d{8})\//, '$1_2/'))
    expect(second.scan?.modules.map(({path: file}) => file)).to.deep.equal([V2_MODULE])
    await runRollback(root)
    expect(existsSync(path.join(root, archive))).to.equal(true)
  })

  it('is a virtual environment, and npubridge itself, inside the tree', async () => {
    const root = treeOf({
      'npu_coordination_bridge.py': fixture('v1'),
      'env/pyvenv.cfg': 'home = /usr\n',
      'env/lib/npu_coordination_bridge.py': fixture('v2'),
      'vendor/site-packages/npu_coordination_bridge.py': fixture('v2'),
      'vendor/npubridge/__init__.py': '',
      'vendor/npubridge/compat.py': fixture('v2'),
    })
    const report = await runMigrate(root, {dryRun: true}, withoutProcesses())
    expect(report.scan?.modules.map(({path: file}) => file)).to.deep.equal(['npu_coordination_bridge.py'])
    expect(report.scan?.skipped.map(({path: file, problem}) => `${file}: ${problem}`)).to.deep.equal([
      'env: virtual environment',
      'vendor/npubridge: npubridge itself',
      'vendor/site-packages: installed packages',
    ])
  })

  it('is a caller with a syntax error or in Python 2, with what to add by hand', async () => {
    const root = treeOf({
      'npu_coordination_bridge.py': fixture('v1'),
      'two.py': 'from npu_coordination_bridge import *\nprint time.time()\n',
      'broken.py': 'from npu_coordination_bridge import *\nprint(time.time()\nx = = 1\n',
      'bytes.py': Buffer.from('from npu_coordination_bridge import *\nprint(time.time(), "\u{FC}")\n', 'latin1'),
    })
    const before = snapshot(root)
    const report = await runMigrate(root)
    expect(report.status).to.equal('migrated')
    const left = new Map(report.plan?.left.map(({path: file, reason}) => [file, reason]))
    expect(left.get('two.py')).to.equal('Python 2 code: read, never changed; add by hand: import time')
    expect(left.get('broken.py')).to.match(/^syntax error in line \d: .*add by hand: import time$/)
    expect(left.get('bytes.py')).to.match(/^not UTF-8, and no coding line says what it is; add by hand/)
    for (const file of ['two.py', 'broken.py', 'bytes.py']) expect(snapshot(root)[file]).to.equal(before[file])
  })

  it('is every byte of a rewritten caller but the new line, whatever its encoding', async () => {
    const latin = Buffer.from(
      '#!/usr/bin/env python3\r\n# vim: set fileencoding=iso-8859-1 :\r\nfrom npu_coordination_bridge import *\r\n\r\nNAME = "Br\u{FC}cke"\r\nnow = time.time()\r\n',
      'latin1',
    )
    const root = treeOf({'npu_coordination_bridge.py': fixture('v1'), 'latin.py': latin})
    chmodSync(path.join(root, 'latin.py'), 0o750)
    await runMigrate(root)
    const text = latin.toString('latin1')
    const expected = text.replace('from npu', 'import time\r\nfrom npu')
    expect(readFileSync(path.join(root, 'latin.py'), 'latin1')).to.equal(expected)
    expect(statSync(path.join(root, 'latin.py')).mode & 0o7777).to.equal(0o750)
  })

  it('is no time of a file: what takes its place is always younger, by a second that Python can see', async () => {
    const root = fixtureTree('v2')
    const module = path.join(root, V2_MODULE)
    const future = Math.floor(Date.now() / 1000) + 3600
    utimesSync(module, future, future + 0.9)
    const seconds = () => Math.floor(statSync(module).mtimeMs / 1000)
    await runMigrate(root, {}, withoutProcesses())
    expect(seconds()).to.equal(future + 1)
    await runRollback(root)
    expect(seconds()).to.equal(future + 2)
  })
})
