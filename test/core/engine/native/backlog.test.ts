import {expect} from 'chai'
import {setTimeout as sleep} from 'node:timers/promises'

import type {SubmitOptions} from '../../../../src/core/engine/engine.ts'

import {Backlog, levelOf} from '../../../../src/core/engine/native/backlog.ts'
import {NpuBridgeError} from '../../../../src/core/errors.ts'

interface Rig {
  readonly backlog: Backlog<string>
  readonly refused: string[]
  hold(item: string, options?: SubmitOptions): void
  release(): Array<[string, SubmitOptions | undefined]>
}

function rig(capacity: number, perPriority?: Array<number | null>): Rig {
  const backlog = new Backlog<string>({capacity, ...(perPriority && {perPriority})})
  const refused: string[] = []
  return {
    backlog,
    refused,
    hold(item, options) {
      const refuse = ({code}: NpuBridgeError) => {
        refused.push(`${item}: ${code}`)
      }

      backlog.hold({item, options, refuse}, levelOf(options))
    },
    release() {
      const released: Array<[string, SubmitOptions | undefined]> = []
      backlog.release((item, options) => {
        released.push([item, options])
        backlog.entered(levelOf(options))
      })
      return released
    },
  }
}

describe('the backlog of a full queue', () => {
  it('has room for as many as are told, in all and of each priority', () => {
    const {backlog} = rig(3, [1, null, null, null, null])
    expect(backlog.hasRoom(0)).to.equal(true)
    backlog.entered(0)
    expect([backlog.hasRoom(0), backlog.hasRoom(1)]).to.deep.equal([false, true])
    backlog.entered(1)
    backlog.entered(1)
    expect(backlog.hasRoom(1)).to.equal(false)
    backlog.left(0)
    expect([backlog.hasRoom(0), backlog.hasRoom(1)]).to.deep.equal([true, true])
  })

  it('lets the most urgent go first, then the oldest, as many as there is room for', () => {
    const {backlog, hold, release} = rig(2)
    backlog.entered(1)
    backlog.entered(1)
    hold('a', {priority: 'low'})
    hold('b')
    hold('c', {priority: 'realtime'})
    hold('d')
    expect(release()).to.deep.equal([])
    backlog.left(1)
    backlog.left(1)
    expect(release().map(([item]) => item)).to.deep.equal(['c', 'b'])
  })

  it('does not let one priority hold up another', () => {
    const {backlog, hold, release} = rig(10, [null, null, null, null, 1])
    backlog.entered(4)
    hold('urgent', {priority: 'realtime'})
    hold('other')
    expect(release().map(([item]) => item)).to.deep.equal(['other'])
  })

  it('leaves it to the engine to refuse what could never be let go', () => {
    expect(rig(10, [0]).backlog.hasRoom(0)).to.equal(true)
  })

  it('ends the wait of an operation when its time is up or its signal is aborted, and passes on what time is left', async () => {
    const {backlog, hold, refused, release} = rig(1)
    backlog.entered(1)
    const controller = new AbortController()
    hold('late', {timeoutMs: 20})
    hold('aborted', {signal: controller.signal, timeoutMs: 10_000})
    hold('patient', {timeoutMs: 5000})
    hold('for ever', {timeoutMs: Number.MAX_VALUE})
    controller.abort()
    expect(refused).to.deep.equal(['aborted: CANCELLED'])
    await sleep(60)
    expect(refused).to.deep.equal(['aborted: CANCELLED', 'late: DEADLINE_EXCEEDED'])
    backlog.left(1)
    const [[item, options] = [], ...others] = release()
    expect(item).to.equal('patient')
    expect(options?.timeoutMs).to.be.within(3000, 4999)
    expect(others).to.deep.equal([])
    backlog.left(1)
    expect(release().map(([each]) => each)).to.deep.equal(['for ever'])
  })

  it('is cleared with a reason', async () => {
    const {backlog, hold, refused, release} = rig(1)
    backlog.entered(1)
    hold('a', {timeoutMs: 10})
    hold('b', {priority: 'high'})
    backlog.clear(new NpuBridgeError('CANCELLED', 'over'))
    await sleep(30)
    expect(refused).to.have.members(['a: CANCELLED', 'b: CANCELLED'])
    backlog.left(1)
    expect(release()).to.deep.equal([])
  })
})
