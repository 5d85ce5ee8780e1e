import {expect} from 'chai'
import {spawn} from 'node:child_process'
import {readdirSync, utimesSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Effects, Host} from '../../../src/core/migrate/effects.ts'

import {EXIT, type NpuBridgeError} from '../../../src/core/errors.ts'
import {takeLock} from '../../../src/core/migrate/lock.ts'
import {nodeEffects} from '../../../src/core/migrate/node-effects.ts'
import {emptyFolder, removeFolders} from './workspace.ts'

function effects(host: Partial<Host> = {}): Effects {
  const real = nodeEffects()
  return {...real, host: {...real.host, ...host}}
}

const locksIn = (folder: string) => readdirSync(folder).filter((name) => name.startsWith('lock-'))

async function refusal(folder: string, using: Effects): Promise<NpuBridgeError> {
  try {
    await takeLock(using, folder)
  } catch (error) {
    return error as NpuBridgeError
  }

  return expect.fail('the lock was taken')
}

function leave(folder: string, holder: object): void {
  writeFileSync(path.join(folder, 'lock-0123456789ab.json'), JSON.stringify(holder))
}

const HOLDER = {pid: 7, host: 'here', bootId: 'boot', start: 'start', since: '2026-11-24T12:00:00.000Z'}
const HOST = {name: 'here', bootId: 'boot', pid: 8, isAlive: () => true, startOf: () => 'start'}

describe('the lock of a tree', () => {
  after(removeFolders)

  it('is held by one at a time, and free again when released', async () => {
    const folder = emptyFolder()
    const lock = await takeLock(effects(), folder)
    const error = await refusal(folder, effects())
    expect(error.exitCode).to.equal(EXIT.guardRefused)
    expect(error.message).to.include(`process ${process.pid}`)
    expect(error.suggestions[1]).to.match(/^if it is gone, delete .*lock-[\da-f]+\.json$/)
    expect(locksIn(folder)).to.have.length(1)
    lock.release()
    lock.release()
    expect(readdirSync(folder)).to.deep.equal([])
    const again = await takeLock(effects(), folder)
    again.release()
  })

  it('is never held by two, however many try at once', async () => {
    const folder = emptyFolder()
    let holders = 0
    let most = 0
    let taken = 0
    const contender = async () => {
      try {
        const lock = await takeLock(effects(), folder)
        holders += 1
        taken += 1
        most = Math.max(most, holders)
        await new Promise((resolve) => {
          setTimeout(resolve, 5)
        })
        holders -= 1
        lock.release()
      } catch (error) {
        expect((error as NpuBridgeError).exitCode).to.equal(EXIT.guardRefused)
      }
    }

    await Promise.all(Array.from({length: 30}, contender))
    expect(most).to.equal(1)
    expect(taken).to.be.greaterThan(0)
    expect(readdirSync(folder)).to.deep.equal([])
  })

  it('is free when its holder was killed', async () => {
    const folder = emptyFolder()
    const child = spawn('sleep', ['60'])
    const {pid} = child
    leave(folder, {
      ...HOLDER,
      pid,
      host: nodeEffects().host.name,
      bootId: nodeEffects().host.bootId,
      start: nodeEffects().host.startOf(pid!),
    })
    expect((await refusal(folder, effects())).message).to.include(`process ${pid}`)
    const ended = new Promise((resolve) => {
      child.once('exit', resolve)
    })
    child.kill('SIGKILL')
    await ended
    const lock = await takeLock(effects(), folder)
    expect(locksIn(folder)).to.have.length(1)
    lock.release()
  })

  for (const [what, holder, host] of [
    ['process is gone', {}, {isAlive: () => false}],
    ['number belongs to another process by now', {}, {startOf: () => 'later'}],
    ['machine was started anew', {}, {bootId: 'next boot'}],
  ] as const) {
    it(`is free when its holder's ${what}`, async () => {
      const folder = emptyFolder()
      leave(folder, {...HOLDER, ...holder})
      const lock = await takeLock(effects({...HOST, ...host}), folder)
      expect(locksIn(folder)).to.have.length(1)
      lock.release()
    })
  }

  for (const [what, holder, host] of [
    ['holder lives', {}, {}],
    ['holder is on another machine, where nobody can look', {host: 'there'}, {isAlive: () => false}],
    ['system tells neither boot nor start', {bootId: null, start: null}, {bootId: null, startOf: () => null}],
    ['system did not tell the boot then', {bootId: null}, {}],
  ] as const) {
    it(`is held when its ${what}`, async () => {
      const folder = emptyFolder()
      leave(folder, {...HOLDER, ...holder})
      const {message} = await refusal(folder, effects({...HOST, ...host}))
      expect(message).to.include('since 2026-11-24T12:00:00.000Z')
      expect(locksIn(folder)).to.deep.equal(['lock-0123456789ab.json'])
    })
  }

  it('is held by a file that cannot be understood, until somebody looks at it', async () => {
    const folder = emptyFolder()
    writeFileSync(path.join(folder, 'lock-0123456789ab.json'), 'rubbish')
    expect((await refusal(folder, effects())).message).to.include('lock-0123456789ab.json')
  })

  it('clears drafts that nobody finished, and leaves those that somebody may', async () => {
    const folder = emptyFolder()
    writeFileSync(path.join(folder, 'draft-aa'), '')
    writeFileSync(path.join(folder, 'draft-bb'), '')
    writeFileSync(path.join(folder, 'other'), '')
    utimesSync(path.join(folder, 'draft-aa'), 1, 1)
    utimesSync(path.join(folder, 'other'), 1, 1)
    const lock = await takeLock(effects(), folder)
    lock.release()
    expect(readdirSync(folder)).to.deep.equal(['draft-bb', 'other'])
  })
})
