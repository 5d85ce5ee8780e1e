import {expect} from 'chai'
import {setTimeout} from 'node:timers/promises'

import type {NpuBridgeError} from '../../../src/core/errors.ts'

import {PRIORITIES} from '../../../src/core/engine/engine.ts'
import {OperationQueue} from '../../../src/core/engine/queue.ts'

/** A queue of texts with what has left it, on a clock that the test sets. */
function newQueue(capacity = 100) {
  const left: Array<[string, string]> = []
  const clock = {ms: 0}
  const queue = new OperationQueue<string>({capacity, now: () => clock.ms})
  return {
    queue,
    left,
    clock,
    add(work: string, options: Parameters<typeof queue.add>[1] = {}) {
      queue.add(work, options, (error: NpuBridgeError) => {
        left.push([work, error.code])
      })
    },
    take: () => queue.take(() => true),
    takeAll() {
      const taken: string[] = []
      for (let next = queue.take(() => true); next; next = queue.take(() => true)) taken.push(next.work)
      return taken
    },
  }
}

describe('OperationQueue', () => {
  it('gives the most urgent first, in order of arrival within a priority', () => {
    const {add, takeAll} = newQueue()
    for (const round of [1, 2]) for (const priority of PRIORITIES) add(`${priority} ${round}`, {priority})
    add('default')
    expect(takeAll()).to.deep.equal([
      'realtime 1',
      'realtime 2',
      'critical 1',
      'critical 2',
      'high 1',
      'high 2',
      'normal 1',
      'normal 2',
      'default',
      'low 1',
      'low 2',
    ])
  })

  it('refuses more than its capacity with QUEUE_FULL and both figures, and takes more when there is room', () => {
    const {add, take} = newQueue(2)
    add('a')
    add('b')
    expect(() => {
      add('c')
    })
      .to.throw('2 operations wait already and 2 may')
      .with.property('code', 'QUEUE_FULL')
    take()
    add('c')
  })

  it('lets nothing overtake the most urgent while that may not start', () => {
    const {add, queue} = newQueue()
    add('small', {priority: 'low'})
    add('big', {priority: 'high'})
    expect(queue.take((work) => work === 'small')).to.equal(undefined)
    expect(queue.depth).to.equal(2)
  })

  it('drops what is cancelled at once and makes room', () => {
    const {add, left, queue, takeAll} = newQueue(2)
    const controller = new AbortController()
    add('gone', {signal: controller.signal})
    add('stays')
    controller.abort()
    expect(left).to.deep.equal([['gone', 'CANCELLED']])
    expect(queue.depth).to.equal(1)
    add('new')
    expect(takeAll()).to.deep.equal(['stays', 'new'])
  })

  it('does not listen any more to the signal of what was taken', () => {
    const {add, left, take} = newQueue()
    const controller = new AbortController()
    add('taken', {signal: controller.signal})
    take()
    controller.abort()
    expect(left).to.deep.equal([])
  })

  it('refuses what was cancelled before', () => {
    const {add} = newQueue()
    expect(() => {
      add('late', {signal: AbortSignal.abort()})
    })
      .to.throw()
      .with.property('code', 'CANCELLED')
  })

  it('never gives what is too late, and says how late it is', () => {
    const errors: NpuBridgeError[] = []
    const {clock, queue, take} = newQueue()
    queue.add('late', {timeoutMs: 1000}, (error) => {
      errors.push(error)
    })
    clock.ms = 1500
    expect(take()).to.equal(undefined)
    expect(errors.map(({code, message}) => [code, message])).to.deep.equal([
      ['DEADLINE_EXCEEDED', 'the operation had to start within 1000 ms and was still waiting after 1500 ms'],
    ])
  })

  it('tells at the deadline, not when the turn comes', async () => {
    const left: string[] = []
    const queue = new OperationQueue<string>({capacity: 1})
    queue.add('late', {timeoutMs: 10}, ({code}) => {
      left.push(code)
    })
    await setTimeout(50)
    expect(left).to.deep.equal(['DEADLINE_EXCEEDED'])
    expect(queue.depth).to.equal(0)
  })

  it('takes a deadline beyond what a timer can hold for none', async () => {
    const {add, left, takeAll} = newQueue()
    add('patient', {timeoutMs: Number.MAX_SAFE_INTEGER})
    add('most patient', {timeoutMs: Infinity})
    await setTimeout(20)
    expect(left).to.deep.equal([])
    expect(takeAll()).to.deep.equal(['patient', 'most patient'])
  })

  it('puts back what has not started, at its old place', () => {
    const {add, take, takeAll, queue} = newQueue()
    for (const work of ['a', 'b', 'c', 'd']) add(work)
    const [a, b, c] = [take()!, take()!, take()!]
    queue.putBack(b)
    queue.putBack(c)
    queue.putBack(a)
    expect(takeAll()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('drops instead of putting back what was cancelled or became late meanwhile', () => {
    const {add, clock, left, queue, take} = newQueue()
    const controller = new AbortController()
    add('cancelled', {signal: controller.signal})
    add('late', {timeoutMs: 1000})
    const [cancelled, late] = [take()!, take()!]
    controller.abort()
    clock.ms = 2000
    queue.putBack(cancelled)
    queue.putBack(late)
    expect(left).to.deep.equal([
      ['cancelled', 'CANCELLED'],
      ['late', 'DEADLINE_EXCEEDED'],
    ])
    expect(queue.depth).to.equal(0)
  })

  it('keeps a lane in order, one at a time, whatever the priorities', () => {
    const {add, take, queue} = newQueue()
    add('s1', {lane: 's', priority: 'low'})
    add('s2', {lane: 's', priority: 'realtime'})
    add('other')
    expect(take()?.work).to.equal('other')
    const first = take()!
    expect(first.work).to.equal('s1')
    expect(take()).to.equal(undefined)
    queue.finish(first)
    expect(take()?.work).to.equal('s2')
  })

  it('goes on with a lane when its first leaves without having been taken', () => {
    const {add, takeAll} = newQueue()
    const controller = new AbortController()
    add('s1', {lane: 's', signal: controller.signal})
    add('s2', {lane: 's'})
    controller.abort()
    expect(takeAll()).to.deep.equal(['s2'])
  })

  it('sends everybody away when cleared', () => {
    const {add, left, queue, takeAll} = newQueue()
    add('a', {lane: 's'})
    add('b', {lane: 's', priority: 'high'})
    add('c')
    queue.clear(Object.assign(new Error('over'), {code: 'CANCELLED'}) as NpuBridgeError)
    expect(left.map(([work]) => work)).to.have.members(['a', 'b', 'c'])
    expect(takeAll()).to.deep.equal([])
  })

  it('costs about the same for each of many', () => {
    const perOperation = (count: number) => {
      const {add, takeAll} = newQueue(count)
      const started = process.cpuUsage()
      for (let index = 0; index < count; index++) add(String(index), {priority: PRIORITIES[index % 5]!})
      takeAll()
      const {system, user} = process.cpuUsage(started)
      return (system + user) / count
    }

    perOperation(20_000)
    const few = Math.min(...[1, 2, 3].map(() => perOperation(5000)))
    const many = Math.min(...[1, 2, 3].map(() => perOperation(100_000)))
    expect(many / few).to.be.below(6)
  })
})
