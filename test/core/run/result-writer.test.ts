import {expect} from 'chai'
import {Writable} from 'node:stream'
import {setImmediate as turn} from 'node:timers/promises'

import type {OperationResult} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {ResultWriter} from '../../../src/core/run/result-writer.ts'

const RESULT: OperationResult = {
  computeUs: 1,
  device: 'CPU',
  engine: 'native',
  fallback: null,
  queueUs: 1,
  totalUs: 1,
  type: 'echo',
}

class Sink extends Writable {
  readonly writes: string[] = []
  readonly done: Array<() => void> = []
  readonly #isSlow: boolean

  constructor(isSlow: boolean, highWaterMark = 16_384) {
    super({highWaterMark})
    this.#isSlow = isSlow
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.writes.push(new TextDecoder().decode(chunk))
    if (this.#isSlow) this.done.push(done)
    else done()
  }
}

function open(stream: Writable) {
  const seen = {errors: [] as Array<string | undefined>, ready: 0}
  const writer = new ResultWriter({
    nonFinite: 'error',
    onError({code}) {
      seen.errors.push(code)
    },
    onReady() {
      seen.ready++
    },
    stream,
  })
  return {seen, writer}
}

describe('ResultWriter', () => {
  it('writes what comes together at once, and soon', async () => {
    const sink = new Sink(false)
    const {writer} = open(sink)
    for (let id = 0; id < 3; id++) writer.success({id, result: RESULT})
    writer.failure({error: new NpuBridgeError('INTERNAL', 'x'), id: 3, line: 4})
    expect(sink.writes).to.have.length(0)
    await turn()
    await turn()
    expect(sink.writes).to.have.length(1)
    expect(sink.writes[0]!.trim().split('\n')).to.have.length(4)
  })

  it('does not wait with a large batch', () => {
    const sink = new Sink(false)
    const {writer} = open(sink)
    writer.success({id: 'x', result: {...RESULT, data: 'y'.repeat(100_000)}})
    expect(sink.writes).to.have.length(1)
  })

  it('tells when the reader is behind and when it takes more', async () => {
    const sink = new Sink(true, 1)
    const {seen, writer} = open(sink)
    writer.success({id: 1, result: RESULT})
    expect(writer.blocked).to.equal(false)
    await turn()
    await turn()
    expect(writer.blocked).to.equal(true)
    sink.done.shift()!()
    await turn()
    expect(writer.blocked).to.equal(false)
    expect(seen.ready).to.equal(1)
  })

  it('is finished when the stream took everything', async () => {
    const sink = new Sink(true)
    const {writer} = open(sink)
    writer.success({id: 1, result: RESULT})
    let isFinished = false
    const finished = writer.finish().then(() => {
      isFinished = true
    })
    await turn()
    expect(isFinished).to.equal(false)
    sink.done.shift()!()
    await turn()
    // The empty write that tells the end.
    sink.done.shift()?.()
    await finished
  })

  it('tells once that the stream broke, and is finished then', async () => {
    const sink = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('gone'), {code: 'EPIPE'}))
      },
    })
    const {seen, writer} = open(sink)
    writer.success({id: 1, result: RESULT})
    await turn()
    await turn()
    writer.success({id: 2, result: RESULT})
    await writer.finish()
    expect(seen.errors).to.deep.equal(['EPIPE'])
    expect(writer.blocked).to.equal(false)
  })
})
