import {expect} from 'chai'
import {appendFileSync, chmodSync, existsSync, linkSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {EXIT, NpuBridgeError} from '../../../src/core/errors.ts'
import {JournalStore} from '../../../src/core/migrate/journal/store.ts'
import {nodeEffects} from '../../../src/core/migrate/node-effects.ts'
import {
  commitAll,
  emptyFolder,
  fixture,
  fixtureTree,
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

async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }

  return null
}

async function refusal(work: Promise<unknown>): Promise<NpuBridgeError> {
  const error = await failure(work)
  expect(error).to.be.instanceOf(NpuBridgeError)
  expect((error as NpuBridgeError).exitCode, String(error)).to.equal(EXIT.guardRefused)
  return error as NpuBridgeError
}

describe('the guards of migrate', () => {
  after(removeFolders)

  it('refuse a tree without git, before anything is written, unless told otherwise', async () => {
    const root = fixtureTree('v2')
    const before = snapshot(root)
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.include('is not in a git repository')
    expect(error.suggestions.join(' ')).to.include('--allow-no-vcs')
    expect(snapshot(root)).to.deep.equal(before)
    expect(existsSync(path.join(root, '.npubridge'))).to.equal(false)
    expect((await runMigrate(root, {...GUARDED, allowNoVcs: true}, onlyGit())).status).to.equal('migrated')
  })

  it('refuse uncommitted changes and name them, unless told otherwise', async () => {
    const root = commitAll(fixtureTree('v2'))
    writeFileSync(path.join(root, 'new file.txt'), '')
    appendFileSync(path.join(root, 'README.md'), 'more\n')
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.match(/uncommitted changes: README\.md, new file\.txt/)
    expect((await runMigrate(root, {...GUARDED, allowDirty: true}, onlyGit())).status).to.equal('migrated')
  })

  it('look at the given folder only, in a repository that is larger', async () => {
    const repository = emptyFolder()
    const root = fixtureTree('v2', path.join(repository, 'part'))
    commitAll(repository)
    writeFileSync(path.join(repository, 'elsewhere.txt'), '')
    expect((await runMigrate(root, GUARDED, onlyGit())).status).to.equal('migrated')
  })

  it('do not take a failing git for a clean tree', async () => {
    const root = commitAll(fixtureTree('v2'))
    writeFileSync(path.join(root, '.git', 'HEAD'), 'rubbish\n')
    const error = await refusal(runMigrate(root, GUARDED, onlyGit()))
    expect(error.message).to.include('git cannot tell whether')
  })

  it('do not mind what npubridge itself left uncommitted', async () => {
    const root = commitAll(fixtureTree('v2'))
    await runMigrate(root, {...GUARDED, strategy: 'shadow'}, onlyGit())
    expect(git(root, 'status', '--porcelain')).not.to.equal('')
    expect(git(root, 'status', '--porcelain')).not.to.include('.npubridge')
    writeFileSync(path.join(root, 'coordination', 'second.py'), fixture('v1'))
    git(root, 'add', 'coordination/second.py')
    git(root, 'commit', '--quiet', '--message', 'another copy')
    expect((await runMigrate(root, GUARDED, onlyGit())).status).to.equal('migrated')
  })

  it('refuse a read-only module, and one in a folder that may not be written to', async () => {
    const root = fixtureTree('v2')
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
    const {message} = await refusal(runMigrate(root, {}, withoutProcesses()))
    expect(message).to.include('deprecated is a file')
  })

  it('refuse to carry out a plan that an edit has overtaken', async () => {
    const root = fixtureTree('v2')
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
    const root = fixtureTree('v1')
    await runMigrate(root, {}, withoutProcesses())
    appendFileSync(path.join(root, 'tools/windows.py'), '# my own\r\n')
    const migrated = snapshot(root)
    const error = await refusal(runRollback(root))
    expect(error.message).to.include('tools/windows.py was edited since the migration; nothing was rolled back')
    expect(snapshot(root)).to.deep.equal(migrated)
  })

  it('refuse while a journal cannot be understood', async () => {
    const root = fixtureTree('v2')
    await runMigrate(root, {}, withoutProcesses())
    const store = new JournalStore(nodeEffects(), root)
    const file = path.join(store.migrations, `${store.list()[0]!.id}.json`)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"path": "coordination', '"path": "../coordination'))
    const error = (await failure(runRollback(root))) as NpuBridgeError
    expect(error.code).to.equal('CONFIG_INVALID')
    expect(error.message).to.match(/cannot be understood: steps\.\d+\.path: leads out of the tree/)
  })
})
