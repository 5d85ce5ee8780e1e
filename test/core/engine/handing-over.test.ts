import {expect} from 'chai'
import {setImmediate as nextTurn} from 'node:timers/promises'

import type {NativeBinding} from '../../../src/core/engine/binding.ts'
import type {Engine} from '../../../src/core/engine/engine.ts'

import {createNativeEngine} from '../../../src/core/engine/native.ts'

/** An engine that only notes how many 32-bit words it was handed each time, and never answers. */
async function noting(calls: number[]): Promise<Engine> {
  class Noting {
    submit(_words: Int32Array, length: number) {
      calls.push(length)
    }

    intern() {
      return 0
    }

    drain() {
      return 0
    }

    async shutdown() {}
  }
  return createNativeEngine({devices: ['CPU'], modelsFolder: ''}, {NativeEngine: Noting} as unknown as NativeBinding)
}

describe('operations on their way to the native engine', () => {
  const calls: number[] = []
  let engine: Engine

  const submit = (count: number) => {
    for (let left = count; left > 0; left--) {
      engine.submit({type: 'echo', data: Float32Array.of(1)}).catch(() => {})
    }
  }

  beforeEach(async () => {
    calls.length = 0
    engine = await noting(calls)
  })

  afterEach(async () => {
    await engine.shutdown()
  })

  it('go with the turn of the event loop in which they come', async () => {
    submit(1)
    await Promise.resolve()
    expect(calls).to.have.length(0)
    await nextTurn()
    expect(calls).to.have.length(1)
  })

  it('do not wait for it where they are urgent', async () => {
    engine.submit({type: 'echo'}, {priority: 'realtime'}).catch(() => {})
    await Promise.resolve()
    await Promise.resolve()
    expect(calls).to.have.length(1)
  })

  it('go together where they come in one turn of the event loop', async () => {
    submit(1)
    await nextTurn()
    await nextTurn()
    const [alone] = calls
    for (let request = 0; request < 3; request++) setImmediate(submit, 1)
    await nextTurn()
    await nextTurn()
    expect(calls).to.deep.equal([alone, 3 * alone!])
  })

  it('do not wait for the end of the turn where they are enough', async () => {
    submit(8)
    await Promise.resolve()
    expect(calls).to.have.length(1)
  })
})
