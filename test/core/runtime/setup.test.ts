import {expect} from 'chai'
import {existsSync} from 'node:fs'
import {mkdir, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import type {Paths} from '../../../src/core/paths.ts'
import type {StepEvent} from '../../../src/core/progress.ts'
import type {RuntimeWheel} from '../../../src/core/runtime/wheel.ts'

import {type RunProcess, runProcess} from '../../../src/core/process/run.ts'
import {type SetupEffects, type SetupOptions, setupRuntime} from '../../../src/core/runtime/setup.ts'
import {childProgram, workingChild} from '../../support/child.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {type Call, FAILED, NOT_THERE, pipServing, recordingRunner} from '../../support/pip.ts'
import {fakeRuntime, fakeWheel, pinOf} from '../../support/runtime.ts'
import {onTmpfs} from '../../support/tmpfs.ts'
import {writeZip} from '../../support/zip.ts'

describe('setupRuntime', () => {
  let folder = ''
  let paths: Paths
  let wheelFile = ''
  let pinned: RuntimeWheel
  let events: StepEvent[] = []
  let calls: Call[] = []

  const at = (...parts: string[]) => path.join(folder, ...parts)
  const target = () => at('home', 'runtimes', 'openvino-2026.4.1')

  beforeEach(async () => {
    folder = await makeFolder()
    paths = {
      runtimes: at('home', 'runtimes'),
      models: at('home', 'models'),
      cache: at('home', 'cache'),
      servers: at('home', 'servers'),
    }
    await mkdir(at('registry'))
    const made = await fakeWheel(at('registry'))
    wheelFile = made.file
    pinned = made.pinned
    events = []
    calls = []
  })

  afterEach(async () => removeFolder(folder))

  /** Children that look at runtimes are real processes; pip is served from a file, and there is no other Python. */
  function runner(pip: RunProcess): RunProcess {
    return async (command, args, options = {}) => {
      calls.push({command, args, options})
      if (command === process.execPath) return runProcess(command, args, options)
      if (args[0] === '-c' || command.includes('ldconfig')) return NOT_THERE
      return pip(command, args, options)
    }
  }

  async function setup(more: Omit<Partial<SetupOptions>, 'effects'> & {effects?: SetupEffects; pip?: RunProcess} = {}) {
    const {effects, pip = pipServing(wheelFile).run, ...options} = more
    return setupRuntime({
      paths,
      onEvent(event) {
        events.push(event)
      },
      ...options,
      effects: {
        run: runner(pip),
        child: await workingChild(folder, at('log')),
        pinned,
        discover: {env: {}, cwd: folder, intelRoot: at('none'), systemFolders: async () => []},
        ...effects,
      },
    })
  }

  const manifestText = async () => readFile(path.join(target(), 'runtime.json'), 'utf8')
  const finished = () => events.flatMap((event) => (event.type === 'finished' ? [event.step] : []))
  const downloads = () => calls.filter(({args}) => args.includes('download')).length
  const children = () => calls.filter(({command}) => command === process.execPath).length

  describe('on a machine without a runtime', () => {
    it('downloads, checks, unpacks and tests the pinned one before it is there', async () => {
      const result = await setup()
      expect(result).to.deep.include({
        outcome: 'installed',
        runtime: {folder: target(), source: 'managed', version: '2026.4.1'},
        downloadedBytes: pinned.bytes,
        overriddenBy: null,
      })
      expect(result.verification).to.deep.include({kind: 'devices'})
      expect(finished()).to.deep.equal(['find', 'prepare', 'download', 'unpack', 'test'])
      expect((await readdir(target())).toSorted()).to.deep.equal([
        'libopenvino.so.2641',
        'libopenvino_c.so.2641',
        'libtbb.so.12',
        'licenses',
        'runtime.json',
      ])
    })

    it('records wheel, hash and files beside the libraries', async () => {
      await setup()
      const manifest = JSON.parse(await manifestText()) as Record<string, unknown>
      expect(manifest).to.include({version: '2026.4.1', wheel: pinned.file, sha256: pinned.sha256})
      expect(manifest.files).to.have.length(4)
    })

    it('leaves no download and no unfinished folder behind', async () => {
      await setup()
      expect(await readdir(at('home', 'cache', 'downloads'))).to.deep.equal([])
      expect(await readdir(paths.runtimes)).to.deep.equal(['openvino-2026.4.1'])
    })

    it('takes a wheel file without a network', async () => {
      const result = await setup({wheel: wheelFile, pip: recordingRunner(() => NOT_THERE).run})
      expect(result).to.include({outcome: 'installed', downloadedBytes: 0})
      expect(existsSync(wheelFile)).to.equal(true)
    })

    it('says so when only the files could be checked for lack of the native engine', async () => {
      const child = await childProgram(
        folder,
        "answer({error: {code: 'UNSUPPORTED_OPERATION', message: 'the native engine is missing'}})",
      )
      const result = await setup({effects: {child}})
      expect(result.verification).to.deep.equal({kind: 'files', reason: 'the native engine is missing'})
    })
  })

  describe('a second time', () => {
    it('finds everything done, without pip and without another child', async () => {
      await setup()
      calls = []
      const result = await setup()
      expect(result).to.include({outcome: 'unchanged', downloadedBytes: 0})
      expect(result.verification.kind).to.equal('devices')
      expect(calls).to.deep.equal([])
    })

    it('installs anew when a library was cut off', async () => {
      await setup()
      await truncate(path.join(target(), 'libopenvino.so.2641'), 10)
      events = []
      expect((await setup()).outcome).to.equal('installed')
      const note = events.find((event) => event.type === 'noted')
      expect(note).to.deep.include({step: 'find'})
      expect(JSON.stringify(note)).to.contain('libopenvino.so.2641 has 10 bytes')
    })

    it('installs anew when forced, and forgets a recorded folder', async () => {
      await fakeRuntime(at('own'))
      await setup({runtime: at('own')})
      expect((await setup()).runtime.folder).to.equal(at('own'))
      expect((await setup({force: true})).outcome).to.equal('installed')
      expect((await setup()).runtime.folder).to.equal(target())
    })

    it('starts over after a download that was interrupted', async () => {
      const controller = new AbortController()
      const {run} = recordingRunner(async ({args, options}) => {
        if (!args.includes('download')) return pipServing(wheelFile).run('', [], {})
        await writeFile(path.join(options.cwd!, 'half.whl'), 'half')
        controller.abort()
        return runProcess(process.execPath, ['-v'], {signal: controller.signal})
      })
      const error = await failureOf(setup({pip: run, signal: controller.signal}))
      expect(error.code).to.equal('CANCELLED')
      expect(await readdir(at('home', 'cache', 'downloads'))).to.deep.equal([])
      expect(existsSync(target())).to.equal(false)
      expect((await setup()).outcome).to.equal('installed')
    })

    it('does not download again what an interrupted run had whole', async () => {
      const child = await childProgram(folder, 'process.exit(1)')
      await failureOf(setup({effects: {child}}))
      expect(await readdir(at('home', 'cache', 'downloads'))).to.deep.equal([pinned.file])
      calls = []
      expect((await setup()).outcome).to.equal('installed')
      expect(downloads()).to.equal(0)
    })
  })

  describe('two at once', () => {
    it('install once; the second waits and finds it done', async () => {
      const slow: RunProcess = async (command, args, options) => {
        if (args.includes('download')) await sleep(300)
        return pipServing(wheelFile).run(command, args, options)
      }

      const results = await Promise.all([setup({pip: slow}), setup({pip: slow})])
      expect(results.map(({outcome}) => outcome).toSorted()).to.deep.equal(['installed', 'unchanged'])
      expect(downloads()).to.equal(1)
      expect(events).to.deep.include({type: 'started', step: 'wait'})
    })
  })

  describe('on a machine with a runtime', () => {
    it('uses it and installs nothing', async () => {
      const own = await fakeRuntime(at('own'))
      const discover = {env: {LD_LIBRARY_PATH: own}, cwd: folder, intelRoot: at('none'), systemFolders: async () => []}
      const result = await setup({effects: {discover}})
      expect(result).to.deep.include({
        outcome: 'found',
        runtime: {folder: own, source: 'system', version: '2026.4.1'},
      })
      expect(existsSync(paths.runtimes)).to.equal(false)
    })

    it('passes over one that is too old or does not work, and says why', async () => {
      const old = await fakeRuntime(at('old'), '2450')
      const discover = {env: {LD_LIBRARY_PATH: old}, cwd: folder, intelRoot: at('none'), systemFolders: async () => []}
      expect((await setup({effects: {discover}})).outcome).to.equal('installed')
      expect(JSON.stringify(events)).to.contain('2024.5.0')
    })

    it('takes no other in place of one that NPUBRIDGE_RUNTIME names and that does not work', async () => {
      const discover = {env: {NPUBRIDGE_RUNTIME: at('nowhere')}, cwd: folder}
      const error = await failureOf(setup({effects: {discover}}))
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.contain('NPUBRIDGE_RUNTIME').and.to.contain(at('nowhere'))
      expect(existsSync(target())).to.equal(false)
    })

    it('warns that NPUBRIDGE_RUNTIME goes before what was installed', async () => {
      const discover = {env: {NPUBRIDGE_RUNTIME: '/opt/other'}, cwd: folder}
      expect((await setup({force: true, effects: {discover}})).overriddenBy).to.equal('/opt/other')
    })
  })

  describe('with a folder that was named', () => {
    it('tests it, records it and uses it from then on', async () => {
      await fakeRuntime(at('own', 'runtime', 'lib', 'intel64'))
      const inner = at('own', 'runtime', 'lib', 'intel64')
      const result = await setup({runtime: at('own')})
      expect(result).to.deep.include({
        outcome: 'recorded',
        runtime: {folder: inner, source: 'explicit', version: '2026.4.1'},
      })
      expect(children()).to.equal(3)
      expect((await setup()).runtime).to.deep.include({folder: inner, source: 'managed'})
    })

    const bad: Array<[name: string, prepare: (place: string) => Promise<unknown>, expected: string]> = [
      ['is missing', async () => null, 'there is no such folder'],
      ['holds no runtime', async (place) => mkdir(place), 'libopenvino_c'],
      ['is too old', async (place) => fakeRuntime(place, '2450'), '2024.5.0'],
      [
        'holds a damaged library',
        async (place) => {
          await fakeRuntime(place)
          await truncate(path.join(place, 'libopenvino_c.so.2641'), 20)
        },
        'libopenvino_c.so.2641 is not a shared library',
      ],
    ]

    const refuses = (prepare: (place: string) => Promise<unknown>, expected: string) => async () => {
      await prepare(at('own'))
      const error = await failureOf(setup({runtime: at('own')}))
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.contain(at('own')).and.to.contain(expected)
      expect(error.suggestions).to.not.deep.equal([])
      expect(existsSync(paths.runtimes)).to.equal(false)
    }

    for (const [name, prepare, expected] of bad) {
      it(`refuses it when it ${name}, and records nothing`, refuses(prepare, expected))
    }

    it('refuses it when it crashes, with the signal', async () => {
      await fakeRuntime(at('own'))
      const child = await childProgram(folder, "process.kill(process.pid, 'SIGBUS')")
      const error = await failureOf(setup({runtime: at('own'), effects: {child}}))
      expect(error.message).to.contain('SIGBUS')
      expect(existsSync(paths.runtimes)).to.equal(false)
    })
  })

  describe('when it cannot be done', () => {
    it('refuses a wheel with another hash, and puts nothing in place', async () => {
      const other = at('other', path.basename(wheelFile))
      await mkdir(at('other'))
      await writeZip(other, [{name: 'openvino/libs/libopenvino.so.2641', content: 'evil'}])
      const error = await failureOf(setup({pip: pipServing(other).run}))
      expect(error.code).to.equal('RUNTIME_NOT_FOUND')
      expect(error.message).to.contain(pinned.sha256)
      expect(existsSync(target())).to.equal(false)
      const given = await failureOf(setup({wheel: other}))
      expect(given).to.include({code: 'INVALID_ARGUMENT'})
      expect(given.message).to.contain(other)
    })

    it('keeps what was there when the new one does not pass the test', async () => {
      await setup()
      const before = await manifestText()
      const child = await childProgram(folder, "process.kill(process.pid, 'SIGSEGV')")
      const error = await failureOf(setup({force: true, effects: {child}}))
      expect(error.message).to.contain('SIGSEGV')
      expect(await manifestText()).to.equal(before)
    })

    it('names the package to install where there is no pip', async () => {
      const pip = {platform: 'linux', readOsRelease: async () => 'ID=fedora'} as const
      const error = await failureOf(setup({pip: recordingRunner(() => FAILED).run, effects: {pip}}))
      expect(error.code).to.equal('UNSUPPORTED_OPERATION')
      expect(error.suggestions).to.deep.equal(['sudo dnf install python3-pip'])
    })

    it('asks for space before it downloads', async () => {
      const error = await failureOf(setup({effects: {measureSpace: async () => ({device: 1, bytes: 5000})}}))
      expect(error.code).to.equal('RESOURCE_EXHAUSTED')
      expect(downloads()).to.equal(0)
    })

    it('survives a disk that fills up while it unpacks', async function () {
      const big = at('registry', 'big.whl')
      await writeZip(big, [{name: 'openvino/libs/libopenvino.so.2641', content: 'x'.repeat(500_000)}])
      const bigPin = {...(await pinOf(big, 'openvino', '2026.4.1')), unpackedBytes: 500_000}
      await mkdir(paths.runtimes, {recursive: true})
      await onTmpfs(paths.runtimes, 'size=200k', this, async () => {
        const measureSpace = async () => ({device: 1, bytes: 1e9})
        const error = await failureOf(setup({pip: pipServing(big).run, effects: {pinned: bigPin, measureSpace}}))
        expect(error.code).to.equal('RESOURCE_EXHAUSTED')
        expect(error.message).to.contain('no space is left')
        expect(await readdir(paths.runtimes)).to.deep.equal([])
      })
    })

    it('names a folder that is read-only', async function () {
      await mkdir(at('home'))
      await onTmpfs(at('home'), 'ro', this, async () => {
        const error = await failureOf(setup())
        expect(error.code).to.equal('CONFIG_INVALID')
        expect(error.message).to.contain(paths.runtimes).and.to.contain('read-only')
        expect(error.suggestions.join('\n')).to.contain('NPUBRIDGE_HOME')
      })
    })

    it('says what to do on a machine that no wheel is for', async () => {
      const error = await failureOf(
        setup({
          force: true,
          effects: {pinned: undefined as never, host: {platform: 'sunos', arch: 'x64', glibc: null}},
        }),
      )
      expect(error.code).to.equal('UNSUPPORTED_OPERATION')
      expect(error.message).to.contain('sunos')
    })

    it('replaces a managed folder without its manifest', async () => {
      await setup()
      await rm(path.join(target(), 'runtime.json'))
      expect((await setup()).outcome).to.equal('installed')
    })
  })
})
