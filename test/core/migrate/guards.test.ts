import {expect} from 'chai'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

import {EXIT, NpuBridgeError} from '../../../src/core/errors.ts'
import {JournalStore} from '../../../src/core/migrate/journal/store.ts'
import {nodeEffects} from '../../../src/core/migrate/node-effects.ts'
import {resembledSubcommand, resolveRoot} from '../../../src/core/migrate/root.ts'
import {parseStatus} from '../../../src/core/migrate/vcs.ts'
import {
  codeBase,
  commitAll,
  emptyFolder,
  fixture,
  git,
  removeFolders,
  runMigrate,
  runRollback,
  snapshot,
  treeOf,
  V2_MODULE,
  withoutProcesses,
} from './workspace.ts'

const GUARDED = {allowDirty: false, allowNoVcs: false}

/** Real git, no Python. */
function onlyGit() {
  const real = nodeEffects()
  const quick = withoutProcesses(real)
  const {run} = quick.processes
  return {
    ...quick,
    processes: {
      ...quick.processes,
      run: async (...[command, args, options]: Parameters<typeof run>) =>
        command === 'git' ? real.processes.run(command, args, options) : run(command, args, options),
    },
  }
}

async function refusal(work: Promise<unknown>): Promise<NpuBridgeError> {
  const error = await work.then(
    () => null,
    (error_: unknown) => error_,
  )
  expect(error).to.be.instanceOf(NpuBridgeError)
  expect((error as NpuBridgeError).exitCode, String(error)).to.equal(EXIT.guardRefused)
  return error as NpuBridgeError
}

describe('the guards of migrate', () => {
  after(removeFolders)

  it('refuse a tree without git, before anything is written, unless told otherwise', async () => {
    const root = codeBase('v2')
    const before = snapshot(root)
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.include('is not in a git repository')
    expect(error.suggestions.join(' ')).to.include('--allow-no-vcs')
    expect(snapshot(root)).to.deep.equal(before)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)
    expect((await runMigrate(root, {...GUARDED, allowNoVcs: true}, onlyGit())).status).to.equal('migrated')
  })

  it('refuse uncommitted changes and name them, unless told otherwise', async () => {
    const root = commitAll(codeBase('v2'))
    writeFileSync(path.join(root, 'new file.txt'), '')
    appendFileSync(path.join(root, 'README.md'), 'more\n')
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.match(/uncommitted changes: README\.md, new file\.txt/)
    expect((await runMigrate(root, {...GUARDED, allowDirty: true}, onlyGit())).status).to.equal('migrated')
  })

  it('look at the given folder only, in a repository that is larger', async () => {
    const repository = emptyFolder()
    const root = codeBase('v2', path.join(repository, 'part'))
    commitAll(repository)
    writeFileSync(path.join(repository, 'elsewhere.txt'), '')
    expect((await runMigrate(root, GUARDED, onlyGit())).status).to.equal('migrated')
  })

  it('do not take a failing git for a clean tree', async () => {
    const root = commitAll(codeBase('v2'))
    writeFileSync(path.join(root, '.git', 'HEAD'), 'rubbish\n')
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.include('git cannot tell whether')
  })

  it('do not mind what npubridge itself left uncommitted', async () => {
    const root = commitAll(codeBase('v2'))
    await runMigrate(root, {...GUARDED, strategy: 'shadow'}, onlyGit())
    expect(git(root, 'status', '--porcelain')).not.to.equal('')
    expect(git(root, 'status', '--porcelain')).not.to.include('.npubridge')
    writeFileSync(path.join(root, 'coordination', 'second.py'), fixture('v1'))
    git(root, 'add', 'coordination/second.py')
    git(root, 'commit', '--quiet', '--message', 'another copy')
    expect((await runMigrate(root, GUARDED, onlyGit())).status).to.equal('migrated')
  })

  it('refuse a read-only module, and one in a folder that may not be written to', async () => {
    const root = codeBase('v2')
    chmodSync(path.join(root, V2_MODULE), 0o444)
    const error = await refusal(runMigrate(root, {}, withoutProcesses()))
    expect(error.message).to.equal(`${V2_MODULE} is read-only`)
    expect(error.suggestions[0]).to.match(/^chmod u\+w "/)
    chmodSync(path.join(root, V2_MODULE), 0o644)

    const effects = withoutProcesses()
    const fs = {...effects.fs, mayWrite: (file: string) => !file.endsWith('coordination')}
    expect((await refusal(runMigrate(root, {}, {...effects, fs}))).message).to.include('may not write to: coordination')
  })

  it('follow a link inside the tree to the module, and refuse one that leads out of it', async () => {
    const root = treeOf({
      'real/npu_coordination_bridge.py': fixture('v1'),
      'caller.py': 'import npu_coordination_bridge\n',
    })
    symlinkSync('real/npu_coordination_bridge.py', path.join(root, 'npu_coordination_bridge.py'))
    const report = await runMigrate(root, {}, withoutProcesses())
    expect(report.scan?.modules).to.have.length(1)
    expect(report.scan?.modules[0]?.links).to.deep.equal(['npu_coordination_bridge.py'])
    expect(report.plan?.left.map(({path: file}) => file)).to.include('caller.py')
    expect(snapshot(root)['npu_coordination_bridge.py']).to.equal('-> real/npu_coordination_bridge.py')

    const outside = treeOf({'shared/npu_coordination_bridge.py': fixture('v1')})
    const linked = treeOf({'own/npu_coordination_bridge.py': fixture('v2')})
    symlinkSync(
      path.join(outside, 'shared/npu_coordination_bridge.py'),
      path.join(linked, 'npu_coordination_bridge.py'),
    )
    const error = await refusal(runMigrate(linked, {}, withoutProcesses()))
    expect(error.message).to.include('links to a legacy module outside this tree')
  })

  it('warn of hard links, which a replacement parts', async () => {
    const root = treeOf({'npu_coordination_bridge.py': fixture('v1')})
    linkSync(path.join(root, 'npu_coordination_bridge.py'), path.join(root, 'other_name.txt'))
    const report = await runMigrate(root, {}, withoutProcesses())
    expect(report.plan?.warnings.join(' ')).to.include('has 2 names')
  })

  it('refuse when a file stands where the archive goes', async () => {
    const root = treeOf({'npu_coordination_bridge.py': fixture('v1'), deprecated: 'a file'})
    expect((await refusal(runMigrate(root, {}, withoutProcesses()))).message).to.include('deprecated is a file')
  })

  it('refuse to carry out a plan that an edit has overtaken', async () => {
    const root = codeBase('v2')
    const before = snapshot(root)
    const confirm = async () => {
      appendFileSync(path.join(root, V2_MODULE), '# edited\n')
      return true
    }

    const error = await refusal(runMigrate(root, {confirm}, withoutProcesses()))
    expect(error.message).to.include('was changed while the migration was being planned')
    expect(snapshot(root)).to.deep.equal({...before, [V2_MODULE]: snapshot(root)[V2_MODULE]})
    expect(new JournalStore(nodeEffects(), root).list()).to.deep.equal([])
  })

  it('refuse to roll back over an edit, all or nothing, and name the file', async () => {
    const root = codeBase('v1')
    await runMigrate(root, {}, withoutProcesses())
    appendFileSync(path.join(root, 'tools/windows.py'), '# my own\r\n')
    const migrated = snapshot(root)
    const error = await refusal(runRollback(root))
    expect(error.message).to.include('tools/windows.py was edited since the migration; nothing was rolled back')
    expect(snapshot(root)).to.deep.equal(migrated)
  })

  it('refuse while a journal cannot be understood', async () => {
    const root = codeBase('v2')
    await runMigrate(root, {}, withoutProcesses())
    const store = new JournalStore(nodeEffects(), root)
    const file = path.join(store.migrations, `${store.list()[0]!.id}.json`)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"path": "coordination', '"path": "../coordination'))
    await runRollback(root).then(
      () => expect.fail('rolled back'),
      (error: unknown) => {
        expect((error as NpuBridgeError).code).to.equal('CONFIG_INVALID')
        expect((error as NpuBridgeError).message).to.match(
          /cannot be understood: steps\.\d+\.path: leads out of the tree/,
        )
      },
    )
  })
})

describe('what migrate leaves alone', () => {
  after(removeFolders)

  it('is an archive of the same day: the next one gets a folder of its own', async () => {
    const root = codeBase('v2')
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
    const root = codeBase('v2')
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

describe('the root of a migration', () => {
  after(removeFolders)

  it('is a folder that exists, or a mistyped subcommand', () => {
    const {fs} = nodeEffects()
    const root = emptyFolder()
    expect(resolveRoot(fs, root)).to.equal(root)
    mkdirSync(path.join(root, 'x'))
    writeFileSync(path.join(root, 'file'), '')
    for (const [given, suggestion] of [
      ['rolback', 'npubridge migrate rollback .'],
      ['Status', 'npubridge migrate status .'],
      [path.join(root, 'missing'), 'name the root of the code base: npubridge migrate .'],
      [path.join(root, 'file'), `name the root of the code base: npubridge migrate "${root}"`],
    ] as const) {
      try {
        resolveRoot(fs, given)
        expect.fail(`${given} was taken`)
      } catch (error) {
        expect((error as NpuBridgeError).exitCode).to.equal(EXIT.usage)
        expect((error as NpuBridgeError).suggestions).to.deep.equal([suggestion])
      }
    }

    expect(resembledSubcommand('hist')).to.equal('history')
    expect(resembledSubcommand('projects')).to.equal(null)
  })
})

describe('the output of git status', () => {
  it('is read with renames, spaces and unicode', () => {
    expect(parseStatus(' M a b.py\0R  new name.py\0old name.py\0?? für/\0')).to.deep.equal([
      'a b.py',
      'new name.py',
      'für/',
    ])
    expect(parseStatus('')).to.deep.equal([])
  })
})
