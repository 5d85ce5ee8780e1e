import {expect} from 'chai'
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {NpuBridgeError} from '../../../../src/core/errors.ts'
import {isUnfinished, JOURNAL_STATES, type JournalData} from '../../../../src/core/migrate/journal/schema.ts'
import {JournalStore, migrationId} from '../../../../src/core/migrate/journal/store.ts'
import {nodeEffects} from '../../../../src/core/migrate/node-effects.ts'
import {NOON} from '../crash/noon.ts'
import {emptyFolder, removeFolders} from '../workspace.ts'

const HASH = 'a'.repeat(64)

function data(id: string, state: JournalData['state'] = 'done'): JournalData {
  return {
    format: 1,
    id,
    kind: 'migrate',
    strategy: 'replace',
    version: '0.1.0',
    state,
    history: [{state: 'applying', at: '2026-11-24T11:00:00.000Z'}],
    reason: null,
    steps: [
      {type: 'folder', path: 'deprecated', state: 'pending'},
      {
        type: 'file',
        role: 'wrapper',
        action: 'replace',
        path: 'a/m.py',
        before: {sha256: HASH, mode: 0o644, uid: 0, gid: 0},
        after: {sha256: HASH, mode: 0o644, uid: null, gid: null},
        staged: 'new-0000',
        backup: 'old-0000',
        state: 'pending',
      },
      {
        type: 'install',
        python: '/python',
        spec: 'npubridge',
        wheels: null,
        packages: [{name: 'npubridge', version: '1'}],
        state: 'done',
      },
    ],
    verification: {python: null, command: null, importers: [], requireNpubridge: false, before: []},
  }
}

function storeIn(root = emptyFolder()): JournalStore {
  const store = new JournalStore({...nodeEffects(), clock: {...nodeEffects().clock, now: () => NOON}}, root)
  store.prepare()
  return store
}

const FIRST = '20261124T110000000Z-aaaaaa'
const SECOND = '20261124T110000001Z-000000'

describe('the journals of a tree', () => {
  after(removeFolders)

  it('are kept where git does not look', () => {
    const root = emptyFolder()
    const store = storeIn(root)
    expect(readFileSync(path.join(root, '.npubridge', '.gitignore'), 'utf8')).to.equal('*\n')
    expect(store.migrations).to.equal(path.join(root, '.npubridge', 'migrations'))
    writeFileSync(path.join(root, '.npubridge', '.gitignore'), 'own\n')
    store.prepare()
    expect(readFileSync(path.join(root, '.npubridge', '.gitignore'), 'utf8')).to.equal('own\n')
  })

  it('have names that sort by time', () => {
    const clock = {...nodeEffects().clock, now: () => new Date('2026-11-24T09:08:07.006Z')}
    expect(migrationId(clock)).to.match(/^20261124T090807006Z-[\da-f]{6}$/)
    expect(migrationId(clock)).not.to.equal(migrationId(clock))
  })

  it('are none where nothing was ever done', () => {
    const store = new JournalStore(nodeEffects(), emptyFolder())
    expect(store.list()).to.deep.equal([])
    expect(store.unfinished()).to.equal(null)
    expect(store.latestDone()).to.equal(null)
    store.sweep()
  })

  it('are read back as they were written, oldest first', () => {
    const store = storeIn()
    store.journal(data(SECOND)).create()
    store.journal(data(FIRST)).create()
    expect(store.list().map(({id}) => id)).to.deep.equal([FIRST, SECOND])
    expect(store.list()[0]!.data).to.deep.equal(data(FIRST))
    expect(store.latestDone()?.id).to.equal(SECOND)
  })

  it('are unfinished until they are done or rolled back', () => {
    expect(JOURNAL_STATES.filter((state) => isUnfinished(state))).to.deep.equal([
      'applying',
      'verifying',
      'rolling-back',
    ])
    for (const state of JOURNAL_STATES) {
      const store = storeIn()
      store.journal(data(FIRST, state)).create()
      expect(store.unfinished()?.id ?? null).to.equal(isUnfinished(state) ? FIRST : null)
      expect(store.latestDone()?.id ?? null).to.equal(state === 'done' ? FIRST : null)
    }
  })

  it('record every state with its time, and every step', () => {
    const store = storeIn()
    const journal = store.journal(data(FIRST, 'applying'))
    journal.create()
    journal.markStep(1, 'started')
    expect(store.list()[0]!.data.steps.map(({state}) => state)).to.deep.equal(['pending', 'started', 'done'])
    journal.markStep(1, 'done')
    journal.enter('verifying')
    journal.enter('rolling-back', 'because')
    journal.enter('rolled-back')
    const read = store.list()[0]!.data
    expect(read).to.deep.equal(journal.data)
    expect(read.steps.map(({state}) => state)).to.deep.equal(['pending', 'done', 'done'])
    expect(read.state).to.equal('rolled-back')
    expect(read.reason).to.equal('because')
    expect(read.history).to.deep.equal([
      {state: 'applying', at: '2026-11-24T11:00:00.000Z'},
      {state: 'verifying', at: NOON.toISOString()},
      {state: 'rolling-back', at: NOON.toISOString()},
      {state: 'rolled-back', at: NOON.toISOString()},
    ])
  })

  it('are unchanged in memory when they cannot be written', () => {
    const store = storeIn()
    const {fs} = nodeEffects()
    let isFull = false
    const full = {
      ...fs,
      createFile(...args: Parameters<typeof fs.createFile>) {
        if (isFull) throw Object.assign(new Error('full'), {code: 'ENOSPC'})
        fs.createFile(...args)
      },
    }
    const journal = new JournalStore({fs: full, clock: nodeEffects().clock}, store.root).journal(
      data(FIRST, 'applying'),
    )
    journal.create()
    isFull = true
    expect(() => {
      journal.enter('done')
    }).to.throw('full')
    expect(journal.data.state).to.equal('applying')
    expect(store.list()[0]!.data.state).to.equal('applying')
  })

  it('are written over a half that a crash left, and never read from one', () => {
    const store = storeIn()
    const journal = store.journal(data(FIRST))
    writeFileSync(path.join(store.migrations, `${FIRST}.json.tmp`), '{"half')
    expect(store.list()).to.deep.equal([])
    journal.create()
    expect(readdirSync(store.migrations)).to.deep.equal([`${FIRST}.json`])
    expect(readFileSync(path.join(store.migrations, `${FIRST}.json`), 'utf8').endsWith('}\n')).to.equal(true)
  })

  it('can be discarded before they begin', () => {
    const store = storeIn()
    const journal = store.journal(data(FIRST))
    journal.create()
    writeFileSync(path.join(store.migrations, `${FIRST}.json.tmp`), '')
    journal.discard()
    journal.discard()
    expect(readdirSync(store.migrations)).to.deep.equal([])
  })

  it('keep the copies that are needed, and no others', () => {
    const store = storeIn()
    for (const [id, state] of [
      [FIRST, 'done'],
      [SECOND, 'rolled-back'],
      ['20261124T110000002Z-000000', 'applying'],
      ['20261124T110000003Z-000000', null],
    ] as const) {
      const journal = store.journal(data(id, state ?? 'done'))
      if (state !== null) journal.create()
      mkdirSync(journal.folder)
      writeFileSync(path.join(journal.folder, 'old-0000'), '')
    }

    writeFileSync(path.join(store.migrations, `${FIRST}.json.tmp`), '')
    writeFileSync(path.join(store.migrations, 'notes.txt'), '')
    store.sweep()
    expect(readdirSync(store.migrations).toSorted()).to.deep.equal(
      [
        FIRST,
        `${FIRST}.json`,
        `${SECOND}.json`,
        '20261124T110000002Z-000000',
        '20261124T110000002Z-000000.json',
        'notes.txt',
      ].toSorted(),
    )
    expect(existsSync(path.join(store.migrations, FIRST, 'old-0000'))).to.equal(true)
  })

  for (const [what, change] of [
    ['is no JSON', () => 'rubbish'],
    ['has another format', (text: string) => text.replace('"format":1', '"format":2')],
    ['leads out of the tree', (text: string) => text.replace('a/m.py', '../m.py')],
    ['leads to the root of the system', (text: string) => text.replace('a/m.py', '/etc/passwd')],
    ['has an empty path', (text: string) => text.replace('a/m.py', '')],
    ['has a hash that is none', (text: string) => text.replace(HASH, 'b')],
    ['has a hash that is too long', (text: string) => text.split(HASH).join(`${HASH}b`)],
    ['has an impossible mode', (text: string) => text.replace('420', '99999')],
    ['has a negative mode', (text: string) => text.replace('420', '-1')],
    ['has an unknown state', (text: string) => text.replace('"state":"done"', '"state":"over"')],
    ['has an unknown step', (text: string) => text.replace('"type":"folder"', '"type":"link"')],
    ['has an id that is none', (text: string) => text.replace(FIRST, '../x')],
  ] as const) {
    it(`are refused when one ${what}`, () => {
      const store = storeIn()
      const file = path.join(store.migrations, `${FIRST}.json`)
      writeFileSync(file, change(JSON.stringify(data(FIRST))))
      try {
        store.list()
        expect.fail('was read')
      } catch (error) {
        expect(error).to.be.instanceOf(NpuBridgeError)
        expect((error as NpuBridgeError).code).to.equal('CONFIG_INVALID')
        expect((error as NpuBridgeError).message).to.include(`the journal ${file} cannot be understood: `)
        expect((error as NpuBridgeError).suggestions).to.have.length(2)
      }
    })
  }
})
