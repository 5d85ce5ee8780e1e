import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

import type {Effects} from '../../../../src/core/migrate/effects.ts'
import type {MigrateEvent} from '../../../../src/core/migrate/events.ts'
import type {FileState, MigrationPlan, PlannedFile} from '../../../../src/core/migrate/plan/plan.ts'

import {EXIT, NpuBridgeError} from '../../../../src/core/errors.ts'
import {sha256} from '../../../../src/core/migrate/hash.ts'
import {attributesOf, stage} from '../../../../src/core/migrate/journal/stage.ts'
import {FileSteps} from '../../../../src/core/migrate/journal/steps.ts'
import {JournalStore} from '../../../../src/core/migrate/journal/store.ts'
import {describeStep, Transaction} from '../../../../src/core/migrate/journal/transaction.ts'
import {effectsWith} from '../crash/scene.ts'
import {type Fault, type Operation} from '../faulty-file-system.ts'
import {removeFolders, snapshot, treeOf} from '../workspace.ts'

const VERIFICATION = {python: null, command: null, importers: [], requireNpubridge: false, before: []}

function stateOf(content: string, mode = 0o644): FileState {
  return {sha256: sha256(content), mode, uid: process.getuid!(), gid: process.getgid!()}
}

function replaced(file: string, before: string, after: string, role: PlannedFile['role'] = 'wrapper'): PlannedFile {
  return {
    role,
    action: 'replace',
    path: file,
    before: stateOf(before),
    after: stateOf(after),
    content: Buffer.from(after),
  }
}

function created(file: string, content: string): PlannedFile {
  const after = {sha256: sha256(content), mode: 0o600, uid: null, gid: null}
  return {role: 'archive', action: 'create', path: file, before: null, after, content: Buffer.from(content)}
}

/** A tree with a module and a caller, and a plan that replaces both and archives the module. */
function planned(): {root: string; plan: MigrationPlan} {
  const root = treeOf({'a/m.py': 'old module', 'c.py': 'old caller'})
  return {
    root,
    plan: {
      root,
      kind: 'migrate',
      strategy: 'replace',
      version: '0.1.0',
      folders: ['deprecated', 'deprecated/x'],
      files: [
        created('deprecated/x/m.py', 'old module'),
        replaced('c.py', 'old caller', 'new caller', 'call-site'),
        replaced('a/m.py', 'old module', 'new module'),
      ],
      modules: [],
      rewrites: [],
      left: [],
      names: [],
      warnings: [],
      blockers: [],
      install: null,
    },
  }
}

function begin(fault: Fault | null = null, prepared = planned()) {
  const effects = effectsWith(fault)
  const store = new JournalStore(effects, prepared.root)
  store.prepare()
  const events: MigrateEvent[] = []
  const emit = (event: MigrateEvent) => {
    events.push(event)
  }

  const session = {effects, store, emit, signal: undefined}
  const start = () => {
    const journal = stage(effects, store, {plan: prepared.plan, install: null, verification: VERIFICATION})
    return new Transaction(session, journal)
  }

  return {...prepared, effects, store, events, session, start}
}

async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }

  return expect.fail('did not fail')
}

async function failure(work: Promise<unknown>): Promise<NpuBridgeError> {
  const error = await thrownBy(work)
  expect(error).to.be.instanceOf(NpuBridgeError)
  return error as NpuBridgeError
}

const isInTree = (operation: Operation) => !(operation.target ?? operation.path).includes('.npubridge')

describe('staging', () => {
  after(removeFolders)

  it('puts new contents and copies of the old ones beside the journal, with mode and owner', () => {
    const prepared = planned()
    chmodSync(path.join(prepared.root, 'a/m.py'), 0o750)
    const before = snapshot(prepared.root)
    const files = prepared.plan.files.map((file) =>
      file.path === 'a/m.py'
        ? {...file, before: {...file.before!, mode: 0o750}, after: {...file.after, mode: 0o750}}
        : file,
    )
    const {start} = begin(null, {...prepared, plan: {...prepared.plan, files}})
    const {journal} = start()
    expect(snapshot(prepared.root)).to.deep.equal(before)
    const contents = Object.fromEntries(
      readdirSync(journal.folder).map((name) => [name, readFileSync(path.join(journal.folder, name), 'utf8')]),
    )
    expect(contents).to.deep.equal({
      'new-0000': 'old module',
      'new-0001': 'new caller',
      'new-0002': 'new module',
      'old-0001': 'old caller',
      'old-0002': 'old module',
    })
    const mode = (name: string) => statSync(path.join(journal.folder, name)).mode & 0o7777
    expect([mode('new-0000'), mode('new-0002'), mode('old-0002'), mode('old-0001')]).to.deep.equal([
      0o600, 0o750, 0o750, 0o644,
    ])
  })

  it('orders the steps: folders, archive, call sites, wrapper', () => {
    const {journal} = begin().start()
    expect(journal.data.steps.map((step) => describeStep(step))).to.deep.equal([
      'folder deprecated',
      'folder deprecated/x',
      'archive deprecated/x/m.py',
      'call-site c.py',
      'wrapper a/m.py',
    ])
    expect(journal.data.steps.every(({state}) => state === 'pending')).to.equal(true)
    expect(journal.data.state).to.equal('applying')
    expect(journal.data.history.map(({state}) => state)).to.deep.equal(['applying'])
    expect(journal.data).to.deep.include({kind: 'migrate', strategy: 'replace', version: '0.1.0', reason: null})
  })

  it('installs after the archive is there and before anything is replaced', () => {
    const {effects, store, plan} = begin()
    const install = {
      type: 'install' as const,
      python: '/p',
      spec: 'npubridge',
      wheels: null,
      packages: [],
      state: 'pending' as const,
    }
    const {data} = stage(effects, store, {plan, install, verification: VERIFICATION})
    expect(data.steps.map(({type}) => type)).to.deep.equal(['folder', 'folder', 'file', 'install', 'file', 'file'])
    expect(describeStep(data.steps[3]!)).to.equal('install npubridge')
  })

  it('has everything on the disk before the journal, and the journal before the first change', async () => {
    const {effects, start, store} = begin()
    const transaction = start()
    await transaction.apply()
    const {log} = effects.fs
    const at = (wanted: (operation: Operation) => boolean) => log.findIndex((operation) => wanted(operation))
    const journalWritten = at(({name, target}) => name === 'rename' && target?.endsWith('.json') === true)
    const folderSynced = at(({name, path: file}) => name === 'syncFolder' && file === transaction.journal.folder)
    const lastStaged = log.findLastIndex(({name, path: file}) => name === 'createFile' && /(?:new|old)-\d+$/.test(file))
    const journalSynced = log.findIndex(
      ({name, path: file}, index) => index > journalWritten && name === 'syncFolder' && file === store.migrations,
    )
    const firstChange = at((operation) => operation.name !== 'syncFolder' && isInTree(operation))
    expect(lastStaged).to.be.lessThan(folderSynced)
    expect(folderSynced).to.be.lessThan(journalWritten)
    expect(journalWritten).to.be.lessThan(journalSynced)
    expect(journalSynced).to.be.lessThan(firstChange)
  })

  it('syncs the folder of each change before the journal says that it is done', async () => {
    const {effects, start} = begin()
    await start().apply()
    const {log} = effects.fs
    for (const [index, operation] of log.entries()) {
      if (operation.name === 'syncFolder' || !isInTree(operation)) continue
      const changed = operation.target ?? operation.path
      const synced = log.findIndex(
        ({name, path: file}, later) => later > index && name === 'syncFolder' && file === path.dirname(changed),
      )
      const recorded = log.findIndex(({target}, later) => later > index && target?.endsWith('.json') === true)
      expect(synced, changed).to.be.greaterThan(index)
      expect(synced, changed).to.be.lessThan(recorded)
    }
  })

  it('refuses a plan that the tree no longer fits, and leaves nothing behind', async () => {
    for (const overtake of [
      (root: string) => {
        appendFileSync(path.join(root, 'a/m.py'), 'edited')
      },
      (root: string) => {
        rmSync(path.join(root, 'a/m.py'))
      },
      (root: string) => {
        mkdirSync(path.join(root, 'deprecated/x'), {recursive: true})
        writeFileSync(path.join(root, 'deprecated/x/m.py'), '')
      },
    ]) {
      const {root, start, store} = begin()
      overtake(root)
      const before = snapshot(root)
      const error = await failure((async () => start())())
      expect(error.exitCode).to.equal(EXIT.guardRefused)
      expect(error.message).to.match(/(?:was changed|appeared) while the migration was being planned; nothing was done/)
      expect(readdirSync(store.migrations)).to.deep.equal([])
      expect(snapshot(root)).to.deep.equal(before)
    }
  })

  it('names a full disk as such', async () => {
    const {root, start, store} = begin({kind: 'error', at: 8, code: 'ENOSPC', lasting: true})
    const error = await failure((async () => start())())
    expect(error.code).to.equal('RESOURCE_EXHAUSTED')
    expect(error.message).to.match(
      /^the disk is full: preparing the migration failed \(ENOSPC\)\. Nothing in the tree was changed\.$/,
    )
    expect(readdirSync(store.migrations)).to.deep.equal([])
    expect(snapshot(root)).to.have.all.keys('a/', 'a/m.py', 'c.py')
  })

  it('gives an owner only to files that had one', () => {
    expect(attributesOf({sha256: '', mode: 0o600, uid: 7, gid: 8})).to.deep.equal({mode: 0o600, uid: 7, gid: 8})
    expect(attributesOf({sha256: '', mode: 0o600, uid: null, gid: null})).to.deep.equal({mode: 0o600})
    expect(attributesOf({sha256: '', mode: 0o600, uid: 7, gid: null})).to.deep.equal({mode: 0o600})
  })
})

describe('a transaction', () => {
  after(removeFolders)

  it('does every step once, in order, and says so', async () => {
    const {root, start, events} = begin()
    const transaction = start()
    await transaction.apply()
    expect(readFileSync(path.join(root, 'a/m.py'), 'utf8')).to.equal('new module')
    expect(readFileSync(path.join(root, 'deprecated/x/m.py'), 'utf8')).to.equal('old module')
    expect(transaction.journal.data.steps.every(({state}) => state === 'done')).to.equal(true)
    expect(transaction.edited()).to.deep.equal([])
    expect(transaction.canResume()).to.equal(true)
    expect(events.filter(({type}) => type === 'step')).to.deep.equal(
      transaction.journal.data.steps.flatMap((step) => [
        {type: 'step', step: describeStep(step), state: 'started'},
        {type: 'step', step: describeStep(step), state: 'done'},
      ]),
    )
    const count = events.length
    await transaction.apply()
    expect(events).to.have.length(count)
  })

  it('undoes every step in reverse, with the reason', async () => {
    const {root, start, events, store} = begin()
    const before = snapshot(root)
    const transaction = start()
    await transaction.apply()
    events.length = 0
    await transaction.undo('asked for')
    expect(snapshot(root)).to.deep.equal(before)
    expect(events).to.deep.equal(
      transaction.journal.data.steps
        .map((step) => ({type: 'step', step: describeStep(step), state: 'undone'}))
        .toReversed(),
    )
    expect(transaction.journal.data).to.deep.include({state: 'rolled-back', reason: 'asked for'})
    expect(transaction.journal.data.steps.every(({state}) => state === 'undone')).to.equal(true)
    expect(transaction.journal.data.history.map(({state}) => state)).to.deep.equal([
      'applying',
      'rolling-back',
      'rolled-back',
    ])
    expect(existsSync(transaction.journal.folder)).to.equal(false)
    expect(store.list()).to.have.length(1)
  })

  it('undoes what was done only, and leaves a folder in which somebody put something', async () => {
    const {root, start} = begin()
    const transaction = start()
    await transaction.apply()
    writeFileSync(path.join(root, 'deprecated/theirs.txt'), '')
    await transaction.undo('x')
    expect(readdirSync(path.join(root, 'deprecated'))).to.deep.equal(['theirs.txt'])
    const untouched = begin()
    await untouched.start().undo('never begun')
    expect(untouched.events).to.deep.equal([])
  })

  it('stops between two steps when it is told to', async () => {
    const begun = begin()
    const {journal} = begun.start()
    const controller = new AbortController()
    const emit = (event: MigrateEvent) => {
      if (event.type === 'step' && event.step === 'call-site c.py' && event.state === 'done')
        controller.abort(new Error('stop'))
    }

    const transaction = new Transaction({...begun.session, emit, signal: controller.signal}, journal)
    expect(String(await thrownBy(transaction.apply()))).to.equal('Error: stop')
    expect(readFileSync(path.join(begun.root, 'c.py'), 'utf8')).to.equal('new caller')
    expect(readFileSync(path.join(begun.root, 'a/m.py'), 'utf8')).to.equal('old module')
    const error = await transaction.undoAfter(
      new NpuBridgeError('CANCELLED', 'interrupted', {suggestions: ['again'], exitCode: 9}),
    )
    expect(error).to.deep.include({code: 'CANCELLED', exitCode: 9, suggestions: ['again']})
    expect(error.message).to.equal('interrupted. Everything was taken back: the tree is as it was.')
    expect(readFileSync(path.join(begun.root, 'c.py'), 'utf8')).to.equal('old caller')
  })

  it('does not replace a file that somebody changed meanwhile, and takes the rest back', async () => {
    const {root, start} = begin()
    const transaction = start()
    writeFileSync(path.join(root, 'a/m.py'), 'their own')
    const error = await failure(transaction.apply())
    expect(error.exitCode).to.equal(EXIT.guardRefused)
    expect(error.message).to.equal('a/m.py was changed by somebody else while the migration was at work')
    const undone = await transaction.undoAfter(error)
    expect(undone.message).to.include('Everything was taken back')
    expect(readFileSync(path.join(root, 'a/m.py'), 'utf8')).to.equal('their own')
    expect(readFileSync(path.join(root, 'c.py'), 'utf8')).to.equal('old caller')
    expect(existsSync(path.join(root, 'deprecated'))).to.equal(false)
  })

  it('refuses to undo over edits before it touches anything, and says where the originals are', async () => {
    const {root, start} = begin()
    const transaction = start()
    await transaction.apply()
    writeFileSync(path.join(root, 'a/m.py'), 'edited')
    rmSync(path.join(root, 'c.py'))
    const before = snapshot(root)
    expect(transaction.edited().map((step) => step.path)).to.deep.equal(['c.py', 'a/m.py'])
    const error = await failure(transaction.undo('x'))
    expect(error.exitCode).to.equal(EXIT.guardRefused)
    expect(error.message).to.equal('c.py, a/m.py were edited since the migration; nothing was rolled back')
    expect(error.suggestions[1]).to.equal(`the original of c.py is ${transaction.journal.folder}/old-0001`)
    expect(snapshot(root)).to.deep.equal(before)
    expect(transaction.journal.data.state).to.equal('applying')
    const after = await transaction.undoAfter(new Error('something'))
    expect(after.message).to.match(
      /^the migration failed \(something\) and could not be taken back completely \(c\.py, a\/m\.py were edited/,
    )
    expect(after.code).to.equal('INTERNAL')
    expect(after.suggestions.join(' ')).to.include('npubridge migrate rollback')
  })

  it('restores the mode of a file whose content is as it left it', async () => {
    const {root, start} = begin()
    const transaction = start()
    await transaction.apply()
    chmodSync(path.join(root, 'a/m.py'), 0o600)
    await transaction.undo('x')
    expect(statSync(path.join(root, 'a/m.py')).mode & 0o7777).to.equal(0o644)
  })

  it('cannot be resumed when steps were taken back behind its back', async () => {
    const {root, start} = begin()
    const transaction = start()
    await transaction.apply()
    writeFileSync(path.join(root, 'c.py'), 'old caller')
    expect(transaction.canResume()).to.equal(false)
    writeFileSync(path.join(root, 'c.py'), 'an edit')
    expect(transaction.canResume()).to.equal(true)
    writeFileSync(path.join(root, 'c.py'), 'new caller')
    transaction.journal.enter('rolling-back')
    expect(transaction.canResume()).to.equal(false)
  })

  it('takes everything back without the journal when that cannot be written', async () => {
    const quiet = begin()
    await quiet.start().apply()
    // Full from the write of the journal on that would say that the last step is done.
    const at = quiet.effects.fs.log.findLastIndex(
      ({name, path: file}) => name === 'createFile' && file.endsWith('.json.tmp'),
    )
    const {root, start, store} = begin({kind: 'error', at, code: 'ENOSPC', lasting: true})
    const before = snapshot(root)
    const transaction = start()
    const problem = await thrownBy(transaction.apply())
    const error = await transaction.undoAfter(problem)
    expect(error.message).to.match(/^ENOSPC.*Everything was taken back/)
    expect(snapshot(root)).to.deep.equal(before)
    expect(store.unfinished()?.data.state).to.equal('applying')
    const next = new Transaction({...begin().session, store}, store.unfinished()!)
    expect(next.canResume()).to.equal(false)
  })

  it('says so when copies cannot be removed, which is no failure', async () => {
    const quiet = begin()
    const first = quiet.start()
    await first.apply()
    await first.undo('x')
    const at = quiet.effects.fs.log.findIndex(
      ({name, path: file}) => name === 'removeFile' && /new-\d+|old-\d+/.test(file),
    )
    const last = quiet.effects.fs.log.length - 1
    const {start, events} = begin({kind: 'error', at: at === -1 ? last : at, code: 'EIO', lasting: false})
    const transaction = start()
    await transaction.apply()
    await transaction.undo('x')
    expect(transaction.journal.data.state).to.equal('rolled-back')
    expect(events.at(-1)).to.deep.include({type: 'warning'})
  })
})

describe('a file step', () => {
  after(removeFolders)

  it('is told by the tree alone whether it was done', async () => {
    const {root, effects, start} = begin()
    const {journal} = start()
    const steps = new FileSteps(effects, root, journal.folder)
    const [folder, , archive, caller] = journal.data.steps
    if (folder?.type !== 'folder' || archive?.type !== 'file' || caller?.type !== 'file')
      return expect.fail('other steps')
    expect([steps.place(folder), steps.place(archive), steps.place(caller)]).to.deep.equal([
      'before',
      'before',
      'before',
    ])
    expect([steps.isWaiting(archive), steps.isWaiting(caller)]).to.deep.equal([true, true])
    steps.apply(folder)
    steps.apply(caller)
    expect([steps.place(folder), steps.place(caller), steps.isWaiting(caller)]).to.deep.equal(['after', 'after', false])
    rmSync(path.join(root, 'c.py'))
    expect(steps.place(caller)).to.equal('other')
    mkdirSync(path.join(root, 'c.py'))
    expect(steps.place(caller)).to.equal('other')
    rmSync(path.join(root, 'deprecated'), {recursive: true})
    writeFileSync(path.join(root, 'deprecated'), '')
    expect(steps.place(folder)).to.equal('other')
    for (const act of [
      () => {
        steps.apply(caller)
      },
      () => {
        steps.undo(caller)
      },
      () => {
        steps.apply(folder)
      },
    ])
      expect(act).to.throw(/is neither as it was before nor as the migration left it/)
  })

  it('clears what a crash on another file system left beside the file', () => {
    const {root, effects, start} = begin()
    const {journal} = start()
    const steps = new FileSteps(effects, root, journal.folder)
    const caller = journal.data.steps[3]
    if (caller?.type !== 'file') return expect.fail('another step')
    const leftover = path.join(root, `.c.py.npubridge-${journal.id}`)
    writeFileSync(leftover, 'half')
    steps.apply(caller)
    expect(existsSync(leftover)).to.equal(false)
    writeFileSync(leftover, 'half')
    steps.undo(caller)
    expect(existsSync(leftover)).to.equal(false)
    expect(readFileSync(path.join(root, 'c.py'), 'utf8')).to.equal('old caller')
  })

  it('puts a file in place from another file system as well: a copy beside it, then a rename', () => {
    const {root, effects, start} = begin()
    const {journal} = start()
    const {rename} = effects.fs
    const fs = effects.fs as {rename: typeof rename}
    let code = 'EXDEV'
    fs.rename = (from, to) => {
      if (from.startsWith(journal.folder)) throw Object.assign(new Error(`${code}: injected`), {code})
      rename.call(effects.fs, from, to)
    }

    const steps = new FileSteps(effects, root, journal.folder)
    const caller = journal.data.steps[3]
    if (caller?.type !== 'file') return expect.fail('another step')
    chmodSync(path.join(journal.folder, caller.staged), 0o640)
    effects.fs.log.length = 0
    steps.apply(caller)
    expect(readFileSync(path.join(root, 'c.py'), 'utf8')).to.equal('new caller')
    expect(statSync(path.join(root, 'c.py')).mode & 0o777).to.equal(0o640)
    expect(readdirSync(root)).to.have.members(['.npubridge', 'a', 'c.py'])
    expect(steps.isWaiting(caller)).to.equal(false)
    expect(effects.fs.log.map(({name}) => name)).to.deep.equal([
      'setAttributes',
      'createFile',
      'rename',
      'removeFile',
      'syncFolder',
      'syncFolder',
    ])
    steps.undo(caller)
    expect(readFileSync(path.join(root, 'c.py'), 'utf8')).to.equal('old caller')
    code = 'EACCES'
    writeFileSync(path.join(journal.folder, caller.staged), 'new caller')
    expect(() => {
      steps.apply(caller)
    }).to.throw('EACCES: injected')
  })

  it('gives what takes the place of a file a time in a later second, and now where that is later', () => {
    const {root, effects, start} = begin()
    const {journal} = start()
    const steps = new FileSteps(effects, root, journal.folder)
    const [archive, caller] = journal.data.steps.slice(2)
    if (archive?.type !== 'file' || caller?.type !== 'file') return expect.fail('other steps')
    const file = path.join(root, 'c.py')
    const now = effects.clock.now().getTime()
    const seconds = (offset: number) => (now + offset) / 1000
    utimesSync(file, seconds(0), seconds(90_400))
    steps.apply(caller)
    expect(statSync(file).mtimeMs).to.equal(now + 91_000)
    steps.undo(caller)
    expect(statSync(file).mtimeMs).to.equal(now + 92_000)
    utimesSync(file, seconds(0), seconds(-5000))
    writeFileSync(path.join(journal.folder, caller.staged), 'new caller')
    steps.apply(caller)
    expect(statSync(file).mtimeMs).to.equal(now)
    // Done already: nothing moves.
    effects.fs.log.length = 0
    steps.apply(caller)
    steps.undo(archive)
    expect(effects.fs.log).to.deep.equal([])
  })
})

describe('a transaction that installs', () => {
  after(removeFolders)

  /** Effects whose pip is a list, which may break. */
  function installing(prepared = planned()) {
    const begun = begin(null, prepared)
    const packages = new Set<string>()
    const calls: string[] = []
    const state = {pipWorks: true}
    const processes: Effects['processes'] = {
      async run(_command, args) {
        const ended = {exitCode: 0, stdout: '', stderr: '', problem: null, missing: false}
        if (args[1] !== 'pip') {
          const distributions = Object.fromEntries([...packages].map((name) => [name, '0.1.0']))
          const about = {executable: '/python', version: [3, 12, 1], distributions, externallyManaged: null}
          return {...ended, stdout: JSON.stringify(about)}
        }

        calls.push(args[2]!)
        if (!state.pipWorks) return {...ended, exitCode: 1, stderr: 'no network'}
        if (args[2] === 'install') packages.add('npubridge')
        else packages.delete('npubridge')
        return ended
      },
      shell: async () => expect.fail('no shell'),
    }
    const effects = {...begun.effects, fs: begun.effects.fs, processes}
    const install = {
      type: 'install' as const,
      python: '/python',
      spec: 'npubridge==0.1.0',
      wheels: null,
      packages: [{name: 'npubridge', version: '0.1.0'}],
      state: 'pending' as const,
    }
    const journal = stage(effects, begun.store, {plan: begun.plan, install, verification: VERIFICATION})
    return {...begun, transaction: new Transaction({...begun.session, effects}, journal), packages, calls, state}
  }

  it('brings the package, and takes it away with everything else', async () => {
    const {root, transaction, packages, calls} = installing()
    const before = snapshot(root)
    await transaction.apply()
    expect([...packages]).to.deep.equal(['npubridge'])
    expect(transaction.canResume()).to.equal(true)
    expect(transaction.edited()).to.deep.equal([])
    await transaction.undo('asked for')
    expect([...packages]).to.deep.equal([])
    expect(calls).to.deep.equal(['install', 'uninstall'])
    expect(snapshot(root)).to.deep.equal(before)
  })

  it('goes back when pip fails, and says what is left to do when pip cannot take it away again', async () => {
    const failing = installing()
    const before = snapshot(failing.root)
    failing.state.pipWorks = false
    const problem = await thrownBy(failing.transaction.apply())
    const error = await failing.transaction.undoAfter(problem)
    expect(error.message).to.match(/pip could not install npubridge==0.1.0 .*no network.*Everything was taken back/)
    expect(error.suggestions).to.deep.equal([])
    expect(snapshot(failing.root)).to.deep.equal(before)

    const stuck = installing()
    await stuck.transaction.apply()
    stuck.state.pipWorks = false
    const left = await stuck.transaction.undoAfter(new Error('verification broke'))
    expect(left.message).to.match(
      /failed \(verification broke\) and could not be taken back completely \(pip could not/,
    )
    expect(left.suggestions).to.deep.equal([`remove the obstacle, then: npubridge migrate rollback "${stuck.root}"`])
    stuck.state.pipWorks = true
    await stuck.transaction.undo('again')
    expect(stuck.transaction.journal.data).to.deep.include({state: 'rolled-back', reason: 'verification broke'})
    expect([...stuck.packages]).to.deep.equal([])
  })
})
