import {expect} from 'chai'

import type {OperationResult} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {Tally} from '../../../src/core/run/tally.ts'

const result = (totalUs: number, more: Partial<OperationResult> = {}): OperationResult => ({
  computeUs: 1,
  device: 'CPU',
  engine: 'native',
  fallback: null,
  queueUs: 1,
  totalUs,
  type: 'echo',
  ...more,
})

const END = {notRun: {complete: true, count: 0}, stopped: undefined} as const

describe('Tally', () => {
  it('counts operations per second from the first submission on', () => {
    let now = 1000
    const tally = new Tally(() => now)
    tally.submitted({type: 'echo'})
    for (let i = 0; i < 100; i++) {
      now += 5
      tally.succeeded(result(10))
    }

    now += 60_000
    expect(tally.progress(100, 1)).to.include({done: 100, failed: 0, perSecond: 200, read: 100})
  })

  it('gives percentiles to three digits', () => {
    const tally = new Tally(() => 0)
    for (let us = 1; us <= 10_000; us++) tally.succeeded(result(us))
    const {p50Us, p99Us} = tally.progress(0, undefined)
    expect(p50Us).to.be.closeTo(5000, 5)
    expect(p99Us).to.be.closeTo(9900, 10)
    expect(new Tally(() => 0).progress(0, undefined).p99Us).to.equal(undefined)
  })

  it('groups failures by code and remembers the first lines', () => {
    const tally = new Tally(() => 0)
    for (let line = 1; line <= 10; line++)
      tally.failedWith('line', line, new NpuBridgeError('INVALID_ARGUMENT', `problem ${line}`))
    tally.failedWith('operation', 11, new NpuBridgeError('INVALID_ARGUMENT', 'other', {suggestions: ['do this']}))
    const {done, failed, failures, skipped} = tally.summary(11, 1, END)
    expect({done, failed, skipped}).to.deep.equal({done: 11, failed: 1, skipped: 10})
    expect(failures).to.deep.equal([
      {code: 'INVALID_ARGUMENT', count: 10, kind: 'line', lines: [1, 2, 3], message: 'problem 1', suggestions: []},
      {code: 'INVALID_ARGUMENT', count: 1, kind: 'operation', lines: [11], message: 'other', suggestions: ['do this']},
    ])
  })

  it('tells each fallback once', () => {
    const tally = new Tally(() => 0)
    const fallback = {from: 'NPU', reason: 'not permitted', to: 'CPU'}
    for (let i = 0; i < 5; i++) tally.succeeded(result(1, {fallback: {...fallback}}))
    expect(tally.summary(5, 1, END).fallbacks).to.deep.equal([fallback])
  })

  it('names models by their last part and devices or engines, the first few', () => {
    const tally = new Tally(() => 0)
    for (const model of ['/a/b/c.onnx', 'silero-vad', 'x', 'y', 'z']) tally.submitted({model, type: 'unload_model'})
    tally.succeeded(result(1))
    tally.succeeded(result(1, {device: null, engine: 'legacy'}))
    const {devices, subjects} = tally.progress(0, undefined)
    expect(subjects).to.deep.equal(['c.onnx', 'silero-vad', 'x', 'y'])
    expect(devices).to.deep.equal(['CPU', 'legacy'])
  })
})
