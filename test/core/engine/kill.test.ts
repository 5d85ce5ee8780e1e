import {expect} from 'chai'
import {type ChildProcess, spawn} from 'node:child_process'
import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {readdirSync, readFileSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as sleep} from 'node:timers/promises'

import {makeFolder, removeFolder} from '../../support/folder.ts'
import {type NativeSetup, requireNative, startNative} from '../../support/native.ts'

const BUSY = path.resolve(import.meta.dirname, '..', '..', 'support', 'busy.ts')
/** In the environment of a process and of all that it starts. */
const MARK = 'NPUBRIDGE_TEST_MARK'
const GONE_WITHIN_MS = 5000

interface Scene {
  readonly folder: string
  readonly temporary: string
  readonly cache: string
}

/** Ids of living processes that carry the mark; a zombie has no environment left. */
function carriers(mark: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((id) => {
    try {
      return readFileSync(`/proc/${id}/environ`, 'utf8').includes(`${MARK}=${mark}`)
    } catch {
      return false
    }
  })
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, {recursive: true, withFileTypes: true})
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name))
}

/** Names in shared memory, but for folders of other tests that may run beside this one. */
function sharedMemory(): string[] {
  return readdirSync('/dev/shm').filter((name) => !name.startsWith('npubridge-test-'))
}

async function nobodyIsLeft(mark: string): Promise<void> {
  const until = performance.now() + GONE_WITHIN_MS
  while (carriers(mark).length > 0) {
    const left = carriers(mark).map((id) => readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' '))
    if (performance.now() > until) throw new Error(`still there: ${left.join('; ')}`)
    await sleep(20)
  }
}

describe('killing the process in mid-flight', () => {
  let setup: NativeSetup
  let scene: Scene

  before(async function () {
    if (process.platform !== 'linux') this.skip()
    setup = await requireNative(this, ['silero-vad'])
  })

  beforeEach(async () => {
    const folder = await makeFolder()
    scene = {folder, cache: path.join(folder, 'cache'), temporary: path.join(folder, 'tmp')}
    await mkdir(scene.temporary)
  })

  afterEach(async () => {
    await removeFolder(scene.folder)
  })

  /** Starts a busy process and gives it when it says that it is busy. */
  async function busy(what: string, mark: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, [BUSY, what, setup.runtimeFolder, setup.modelsFolder, scene.cache], {
      env: {...process.env, [MARK]: mark, TMPDIR: scene.temporary, XDG_CACHE_HOME: scene.cache, NPUBRIDGE_HOME: ''},
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    expect(line).to.equal('busy')
    return child
  }

  async function kill(child: ChildProcess): Promise<void> {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    expect(await ended).to.deep.equal([null, 'SIGKILL'])
  }

  async function leavesNothing(what: string, delayMs: number): Promise<void> {
    const mark = randomUUID()
    const shared = new Set(sharedMemory())
    const child = await busy(what, mark)
    await sleep(delayMs)
    expect(carriers(mark)).to.include(child.pid)
    await kill(child)
    await nobodyIsLeft(mark)
    expect(filesIn(scene.temporary)).to.deep.equal([])
    // An answer of a probe may be there, finished or under a temporary name, which the next one to write removes in its
    // time; nothing else, and nothing that locks others out.
    const kept = filesIn(scene.folder).filter((file) => !/\/probe-\w+\.json(\.\d+)?$/.test(file))
    expect(kept).to.deep.equal([])
    expect(sharedMemory().filter((name) => !shared.has(name))).to.deep.equal([])
  }

  it('leaves neither processes nor files of a busy native engine, nor anything in the way of the next', async () => {
    for (const delayMs of [0, 50, 300]) {
      await leavesNothing('native', delayMs)
      await using next = await startNative(setup, {cacheFolder: scene.cache})
      expect((await next.submit({type: 'initialize'})).device).to.equal('CPU')
    }
  }).timeout(60_000)

  it('leaves no child that tries a runtime', async () => {
    for (const delayMs of [0, 100, 300]) await leavesNothing('probing', delayMs)
  }).timeout(60_000)

  it('leaves no Python process of the legacy engine', async () => {
    await leavesNothing('python', 50)
  })

  it('ends a child that hangs in a driver', async () => {
    const mark = randomUUID()
    const script = `
      const {spawn} = require('node:child_process')
      spawn(process.execPath, [${JSON.stringify(BUSY)}, 'hanging'], {stdio: ['ignore', 1, 2]})
    `
    const parent = spawn(process.execPath, ['-e', script], {
      env: {...process.env, [MARK]: mark},
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(createInterface(parent.stdout), 'line')
    expect(carriers(mark)).to.have.length(2)
    await kill(parent)
    await nobodyIsLeft(mark)
  })
})
