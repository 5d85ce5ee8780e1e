import type {Buffer} from 'node:buffer'

import {expect} from 'chai'
import {type ChildProcess, spawn} from 'node:child_process'
import {randomInt} from 'node:crypto'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'

import {dispose, expectBackwards, expectForwards, migrateScene, references, scene} from './scene.ts'

/** Random points at which a process is killed, in all. */
const POINTS = Number(process.env.NPUBRIDGE_CRASH_POINTS ?? 300)

/** At once; the machine that this is meant for has two cores. */
const AT_ONCE = 2

const VICTIM = path.join(import.meta.dirname, 'victim.ts')

type Action = 'migrate' | 'rollback'

interface Victim {
  readonly child: ChildProcess
  readonly ended: Promise<NodeJS.Signals | null>
  readonly output: () => string
}

async function startVictim(action: Action, root: string, writes?: number): Promise<Victim> {
  const args = [VICTIM, action, root, ...(writes === undefined ? [] : [String(writes)])]
  const child = spawn(process.execPath, args, {stdio: ['pipe', 'pipe', 'inherit']})
  let output = ''
  const ready = Promise.withResolvers<void>()
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
    if (output.includes('ready')) ready.resolve()
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('exit', (_code, signal) => {
      resolve(signal)
      ready.reject(new Error(`the victim ended before it was ready: ${signal ?? 'by itself'}`))
    })
  })
  await ready.promise
  return {child, ended, output: () => output}
}

/** How long the work takes from the word go, in milliseconds. */
async function duration(action: Action): Promise<number> {
  const root = scene()
  if (action === 'rollback') await migrateScene(root)
  const victim = await startVictim(action, root)
  const started = performance.now()
  victim.child.stdin!.end('go')
  await victim.ended
  expect(victim.output()).to.include('done')
  dispose(root)
  return performance.now() - started
}

const reference = await references()

describe('a process that is killed', () => {
  for (const action of ['migrate', 'rollback'] as const) {
    it(`after each write of the journal, ${action === 'migrate' ? 'migrating' : 'rolling back'}, loses nothing`, async () => {
      for (let writes = 1; ; writes += 1) {
        const root = scene()
        if (action === 'rollback') await migrateScene(root)
        const victim = await startVictim(action, root, writes)
        victim.child.stdin!.end('go')
        const signal = await victim.ended
        await (writes % 2 === 0 ? expectForwards : expectBackwards)(root, reference)
        dispose(root)
        if (signal === null) {
          expect(writes).to.be.greaterThan(8)
          break
        }
      }
    })
  }

  it(`at ${POINTS} random points, loses nothing`, async () => {
    const longest = {migrate: await duration('migrate'), rollback: await duration('rollback')}
    let begun = 0
    let killed = 0
    const worker = async () => {
      // One that was done before it could be killed does not count.
      while (killed < POINTS && begun < 4 * POINTS) {
        begun += 1
        const number = begun
        const action: Action = number % 3 === 0 ? 'rollback' : 'migrate'
        const root = scene()
        if (action === 'rollback') await migrateScene(root)
        const victim = await startVictim(action, root)
        victim.child.stdin!.end('go')
        await setTimeout(randomInt(0, Math.ceil(longest[action] * 1000)) / 1000)
        victim.child.kill('SIGKILL')
        if ((await victim.ended) === 'SIGKILL') killed += 1
        await (number % 2 === 0 ? expectForwards : expectBackwards)(root, reference)
        dispose(root)
      }
    }

    await Promise.all(Array.from({length: AT_ONCE}, async () => worker()))
    expect(killed).to.be.at.least(POINTS)
  })
})
