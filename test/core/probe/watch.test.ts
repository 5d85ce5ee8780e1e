import {expect} from 'chai'
import path from 'node:path'

import {openRoot} from '../../../src/core/probe/snapshot.ts'
import {watch} from '../../../src/core/probe/watch.ts'
import {FIXTURES} from './fixture.ts'

const rootOf = (name: string) => openRoot(path.join(FIXTURES, name)).root

describe('watching', () => {
  it('gives as many samples as asked for, the first without rates', async () => {
    const samples = watch({intervalMs: 5, root: rootOf('healthy-meteor-lake'), samples: 2})
    expect((await samples.next()).value).to.include({seconds: 0, utilisation: null})
    const second = await samples.next()
    expect(second.value).to.include({utilisation: 0})
    expect((await samples.next()).done).to.equal(true)
  })

  it('ends when interrupted', async () => {
    const controller = new AbortController()
    let count = 0
    for await (const {seconds} of watch({root: rootOf('healthy-meteor-lake'), signal: controller.signal})) {
      expect(seconds).to.equal(0)
      count += 1
      controller.abort()
    }

    expect(count).to.equal(1)
  })

  it('refuses without an NPU', async () => {
    const samples = watch({root: rootOf('amdxdna-only')})
    const error: unknown = await samples.next().catch((error_: unknown) => error_)
    expect(error).to.include({code: 'DEVICE_UNAVAILABLE'})
  })
})
