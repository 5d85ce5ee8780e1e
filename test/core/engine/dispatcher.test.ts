import {expect} from 'chai'
import {setImmediate} from 'node:timers/promises'

import type {Operation} from '../../../src/core/engine/engine.ts'

import {type Answer, TryAgain} from '../../../src/core/engine/dispatcher.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {codeOf, itKeepsTheContract} from './contract.ts'
import {FakeEngine} from './fake.ts'

const ECHO: Operation = {type: 'echo', data: 1}

describe('dispatcher', () => {
  describe('of a fake engine', () => {
    itKeepsTheContract(() => ({
      kind: 'native',
      create: async (options) => new FakeEngine(options),
      occupy: (ms) => [{type: 'benchmark', kind: 'echo', durationMs: ms}],
      canRoute: false,
      canMultiply: false,
      runsModels: false,
    }))
  })

  it('writes the fallback into every result and counts it', async () => {
    const fallback = {from: 'native', to: 'legacy', reason: 'the binding is not there'}
    await using engine = new FakeEngine({fallback})
    expect((await engine.submit(ECHO)).fallback).to.deep.equal(fallback)
    expect(engine.metrics().fallbacks).to.equal(1)
  })

  it('makes INTERNAL of an exception that is none of ours, and goes on', async () => {
    let calls = 0
    await using engine = new FakeEngine({
      async run(): Promise<Answer> {
        if (calls++ === 0) throw new TypeError('a mistake')
        return {computeUs: 1}
      },
    })
    expect(await codeOf(engine.submit(ECHO))).to.equal('INTERNAL')
    expect(await codeOf(engine.submit(ECHO))).to.equal('ok')
  })

  it('runs again what did not begin, at its old place, and counts only attempts that began', async () => {
    const runs: string[] = []
    const failures = [new TryAgain(false), new TryAgain(true), new TryAgain(false)]
    await using engine = new FakeEngine({
      async run(operation, attempt): Promise<Answer> {
        runs.push(`${String((operation as {data?: unknown}).data)} ${attempt}`)
        const failure = failures.shift()
        if (failure) throw failure
        return {computeUs: 1}
      },
    })
    const codes = await Promise.all(['a', 'b'].map(async (data) => codeOf(engine.submit({type: 'echo', data}))))
    expect(codes).to.deep.equal(['ok', 'ok'])
    expect(runs).to.deep.equal(['a 0', 'a 0', 'a 1', 'a 1', 'b 0'])
    expect(engine.metrics()).to.include({submitted: 2, completed: 2, failed: 0})
  })

  it('does not run again what was cancelled or became late while it ran', async () => {
    const gate = Promise.withResolvers<Answer>()
    await using engine = new FakeEngine({run: async () => gate.promise})
    const controller = new AbortController()
    const cancelled = codeOf(engine.submit(ECHO, {signal: controller.signal}))
    controller.abort()
    expect(await cancelled).to.equal('CANCELLED')
    gate.reject(new TryAgain(true))
    await setImmediate()
    expect(engine.metrics()).to.include({submitted: 1, failed: 1, queueDepth: 0, running: 0})
  })

  it('answers what waits, what comes back and what is new when nothing can run any more', async () => {
    const gate = Promise.withResolvers<Answer>()
    await using engine = new FakeEngine({run: async () => gate.promise})
    const codes = Promise.all([codeOf(engine.submit(ECHO)), codeOf(engine.submit(ECHO))])
    engine.dispatcher.refuse(new NpuBridgeError('LEGACY_FAILED', 'gave up'))
    gate.reject(new TryAgain(false))
    expect(await codes).to.deep.equal(['LEGACY_FAILED', 'LEGACY_FAILED'])
    expect(await codeOf(engine.submit(ECHO))).to.equal('LEGACY_FAILED')
  })

  it('keeps a stream in order', async () => {
    const order: string[] = []
    await using engine = new FakeEngine({
      async run(operation): Promise<Answer> {
        await setImmediate()
        order.push((operation as {model: string}).model)
        return {computeUs: 1}
      },
    })
    const infer = async (model: string, stream: string, priority: 'low' | 'realtime') =>
      engine.submit({type: 'inference', model, inputs: {}, stream}, {priority})
    await Promise.all([infer('a1', 'a', 'low'), infer('b1', 'b', 'low'), infer('a2', 'a', 'realtime')])
    expect(order).to.deep.equal(['a1', 'a2', 'b1'])
  })
})
