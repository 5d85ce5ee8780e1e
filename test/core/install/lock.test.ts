import {expect} from 'chai'
import {mkdir, readdir, utimes} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

import {withLock} from '../../../src/core/install/lock.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('withLock', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))
  const target = () => path.join(folder, 'deep', 'thing')

  it('lets one in at a time and tells the other that it had to wait', async () => {
    const events: string[] = []
    const work = (name: string) => async (hadToWait: boolean) => {
      events.push(`${name} in${hadToWait ? ' after waiting' : ''}`)
      await sleep(300)
      events.push(`${name} out`)
    }

    const first = withLock(target(), {}, work('first'))
    await sleep(50)
    const onWait = () => {
      events.push('waiting')
    }

    await Promise.all([first, withLock(target(), {onWait}, work('second'))])
    expect(events).to.deep.equal(['first in', 'waiting', 'first out', 'second in after waiting', 'second out'])
    const left = await readdir(path.join(folder, 'deep'))
    expect(left).to.deep.equal([])
  })

  it('is given back when the work fails', async () => {
    await withLock(target(), {}, async () => {
      throw new Error('no')
    }).catch(() => null)
    expect(await withLock(target(), {}, async (hadToWait) => hadToWait)).to.equal(false)
  })

  it('stops waiting when cancelled', async () => {
    await withLock(target(), {}, async () => {
      const error = await failureOf(withLock(target(), {signal: AbortSignal.timeout(100)}, async () => null))
      expect(error.code).to.equal('CANCELLED')
    })
  })

  it('takes over the lock of a process that was killed', async () => {
    await mkdir(path.join(folder, 'deep', '.thing.lock'), {recursive: true})
    const elevenSecondsAgo = new Date(Date.now() - 11_000)
    await utimes(path.join(folder, 'deep', '.thing.lock'), elevenSecondsAgo, elevenSecondsAgo)
    expect(await withLock(target(), {}, async (hadToWait) => hadToWait)).to.equal(false)
  })
})
