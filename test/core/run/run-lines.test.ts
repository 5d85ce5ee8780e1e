import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {mkdirSync, readdirSync, utimesSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {Readable, Writable} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'

import type {RunProgress, RunSummary} from '../../../src/core/run/tally.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {runLines, type RunOptions} from '../../../src/core/run/run-lines.ts'
import {rejectionOf} from './expect-error.ts'
import {type Behaviour, FakeEngine, tensor} from './fake-engine.ts'
import {temporaryFolder} from './temporary-folder.ts'

/** Takes what is written; holds it back while `held`. */
class Sink extends Writable {
  text = ''
  held = false
  readonly #waiting: Array<() => void> = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    if (this.held) this.#waiting.push(done)
    else done()
  }

  release(): void {
    this.held = false
    while (this.#waiting.length > 0) this.#waiting.shift()!()
  }

  get lines(): Array<Record<string, unknown>> {
    return this.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  get ids(): unknown[] {
    return this.lines.map(({id}) => id)
  }
}

interface Run {
  readonly summary: RunSummary
  readonly sink: Sink
  readonly engine: FakeEngine
}

type Changes = Partial<Omit<RunOptions, 'engine' | 'input'>> & {bytes?: number; engine?: FakeEngine; folder?: string}

async function run(input: Readable | readonly unknown[] | string, changes: Changes = {}): Promise<Run> {
  const {bytes, engine = new FakeEngine(), folder = '/', ...options} = changes
  const sink = (options.output as Sink | undefined) ?? new Sink()
  const stream = input instanceof Readable ? input : Readable.from([Buffer.from(textOf(input))])
  const summary = await runLines({...options, engine, input: {bytes, folder, stream}, output: sink})
  return {engine, sink, summary}
}

function textOf(input: readonly unknown[] | string): string {
  if (typeof input === 'string') return input
  return input.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
}

/** A stream that gives `text` and then nothing, like a pipe whose writer is still there. */
const neverEnding = (text: string) => {
  const stream = new Readable({read() {}})
  stream.push(text)
  return stream
}

const echoes = (count: number) => Array.from({length: count}, (_, index) => ({data: index, id: index, type: 'echo'}))
const fails = new NpuBridgeError('DEADLINE_EXCEEDED', 'too late', {suggestions: ['give it more time']})
const behaviour = (behave: (id: number) => Behaviour) =>
  new FakeEngine((operation) => behave(Number((operation as {data?: unknown}).data)))

describe('runLines', () => {
  const folder = temporaryFolder()

  it('writes one result a line', async () => {
    const engine = new FakeEngine(() => ({outputs: {output: tensor(Float32Array.of(0.5), 'FP32', [1, 1])}}))
    const {sink, summary} = await run(
      [{id: 'a1', inputs: {input: {data: [0.25], shape: [1, 1]}}, model: 'm', stream: 's', type: 'inference'}],
      {engine},
    )
    expect(sink.text).to.equal(
      '{"id":"a1","ok":true,"outputs":{"output":{"data":[0.5],"shape":[1,1],"datatype":"FP32"}},' +
        '"device":"CPU","engine":"native","fallback":null,"queue_us":3,"compute_us":95,"total_us":101}\n',
    )
    expect(summary).to.deep.include({
      cancelled: 0,
      devices: ['CPU'],
      done: 1,
      failed: 0,
      notRun: {complete: true, count: 0},
      read: 1,
      stopped: undefined,
      subjects: ['m'],
      succeeded: 1,
    })
  })

  it('does nothing for an empty input', async () => {
    const {sink, summary} = await run('\n\r\n')
    expect(sink.text).to.equal('')
    expect(summary).to.include({done: 0, failed: 0, read: 0})
  })

  it('passes priority, timeout and a signal on', async () => {
    const {engine} = await run([{priority: 'high', timeout_ms: 5, type: 'echo'}, {type: 'echo'}], {
      defaults: {priority: 'low', timeoutMs: 7},
    })
    expect(engine.submissions.map(({options}) => [options.priority, options.timeoutMs])).to.deep.equal([
      ['high', 5],
      ['low', 7],
    ])
    expect(engine.submissions[0]!.options.signal).to.be.instanceOf(AbortSignal)
  })

  describe('order', () => {
    const late = () => behaviour((id) => ({delayMs: id % 7 === 0 ? 30 : 0}))

    it('is that of the lines, whichever operation completes first', async () => {
      const {sink} = await run(echoes(50), {engine: late()})
      expect(sink.ids).to.deep.equal(echoes(50).map(({id}) => id))
    })

    it('is that of completion if asked for', async () => {
      const {sink} = await run(echoes(50), {engine: late(), unordered: true})
      expect(sink.ids).to.have.members(echoes(50).map(({id}) => id))
      expect(sink.ids.slice(0, 2)).to.deep.equal([1, 2])
    })

    it('of submission is always that of the lines, files that have to be read included', async () => {
      writeFileSync(path.join(folder(), 'large.bin'), Buffer.alloc(2 * 1024 * 1024))
      writeFileSync(path.join(folder(), 'small.bin'), Buffer.alloc(4))
      const lines = ['large', 'small', 'large', 'small', 'small'].map((name) => ({
        inputs: {x: {datatype: 'UINT8', file: `${name}.bin`, offset: 0, shape: [4]}},
        model: name,
        stream: 's',
        type: 'inference',
      }))
      const {engine, summary} = await run(lines, {folder: folder()})
      expect(summary.failed).to.equal(0)
      expect(engine.submissions.map(({operation}) => (operation as {model?: string}).model)).to.deep.equal([
        'large',
        'small',
        'large',
        'small',
        'small',
      ])
    })
  })

  describe('back-pressure', () => {
    it('keeps no more operations in flight than asked for', async () => {
      const engine = new FakeEngine(() => ({delayMs: 1}))
      await run(echoes(40), {concurrency: 4, engine})
      expect(engine.mostRunning).to.equal(4)
    })

    it('reads no further while an early operation holds its results back', async () => {
      const first = Promise.withResolvers<void>()
      const engine = new FakeEngine()
      const submit = engine.submit.bind(engine)
      engine.submit = async (operation, options) => {
        if (engine.submissions.length === 0) {
          const submitted = submit(operation, options)
          await first.promise
          return submitted
        }

        return submit(operation, options)
      }

      const sink = new Sink()
      const running = run(echoes(5000), {concurrency: 8, engine, output: sink})
      await sleep(100)
      expect(sink.text).to.equal('')
      expect(engine.submissions.length).to.equal(8 + 1024)
      first.resolve()
      const {summary} = await running
      expect(summary.succeeded).to.equal(5000)
      expect(sink.ids).to.deep.equal(echoes(5000).map(({id}) => id))
    })

    it('reads no further while nobody takes the results', async () => {
      const sink = new Sink({highWaterMark: 1})
      sink.held = true
      const engine = new FakeEngine()
      let linesRead = 0
      async function* endless() {
        for (; linesRead < 100_000; linesRead++) yield Buffer.from('{"type":"echo","data":"0123456789"}\n')
      }

      const running = run(Readable.from(endless(), {highWaterMark: 1}), {concurrency: 8, engine, output: sink})
      await sleep(200)
      const before = engine.submissions.length
      expect(before).to.be.below(3000)
      await sleep(50)
      expect(engine.submissions.length).to.equal(before)
      sink.release()
      expect((await running).summary.succeeded).to.equal(100_000)
      expect(sink.lines).to.have.length(100_000)
    })

    it('reads no further while large results wait for an earlier one', async () => {
      const outputs = {x: tensor(new Float32Array(16_384), 'FP32')}
      const engine = new FakeEngine((_operation, index) => (index === 0 ? {delayMs: 100} : {outputs}))
      let submittedMeanwhile = 0
      setTimeout(() => {
        submittedMeanwhile = engine.submissions.length
      }, 50)
      const {summary} = await run(echoes(100), {concurrency: 2, engine, heldBytes: 512 * 1024})
      expect(submittedMeanwhile).to.be.within(8, 11)
      expect(summary.succeeded).to.equal(100)
    })
  })

  describe('failures', () => {
    it('of one line or operation leave the others alone', async () => {
      const engine = behaviour((id) => (id === 1 ? {error: fails} : {}))
      const {sink, summary} = await run(
        [
          {data: 0, type: 'echo'},
          {data: 1, id: 'x', type: 'echo'},
          'hello',
          {id: 'y', type: 'ecko'},
          {data: 2, type: 'echo'},
        ],
        {engine},
      )
      expect(sink.lines.map(({id, ok}) => [id, ok])).to.deep.equal([
        [1, true],
        ['x', false],
        [3, false],
        ['y', false],
        [5, true],
      ])
      expect(sink.lines[1]).to.deep.equal({
        error: {code: 'DEADLINE_EXCEEDED', message: 'too late', suggestions: ['give it more time']},
        id: 'x',
        line: 2,
        ok: false,
      })
      expect(sink.lines[2]).to.deep.include({line: 3})
      expect(sink.lines[2]!.error).to.deep.include({
        code: 'PROTOCOL_ERROR',
        message: 'line 3: not JSON at column 1: unexpected "h"',
      })
      expect(sink.lines[3]!.error).to.deep.include({
        code: 'UNSUPPORTED_OPERATION',
        message: 'line 4: type is "ecko", which is not an operation',
      })
      expect(summary).to.include({done: 5, failed: 1, skipped: 2, succeeded: 2})
      expect(summary.failures.map(({code, kind, lines}) => [code, kind, lines])).to.deep.equal([
        ['DEADLINE_EXCEEDED', 'operation', [2]],
        ['PROTOCOL_ERROR', 'line', [3]],
        ['UNSUPPORTED_OPERATION', 'line', [4]],
      ])
    })

    it('of an engine that throws at once or something that is no error are told too', async () => {
      const engine = new FakeEngine()
      engine.submit = () => {
        throw new TypeError('broken')
      }

      const {sink} = await run([{type: 'echo'}], {engine})
      expect(sink.lines[0]!.error).to.deep.equal({code: 'INTERNAL', message: 'broken', suggestions: []})
    })

    it('include a line over the limit, with its number, and what follows still runs', async () => {
      const piece = Buffer.alloc(1024 * 1024, 'x')
      async function* input() {
        yield Buffer.from('{"type":"echo","data":1}\n')
        for (let i = 0; i < 65; i++) yield piece
        yield Buffer.from('\n{"type":"echo","data":2}\n')
      }

      const {sink, summary} = await run(Readable.from(input()))
      expect(sink.lines.map(({id, ok}) => [id, ok])).to.deep.equal([
        [1, true],
        [2, false],
        [3, true],
      ])
      expect(sink.lines[1]!.error).to.deep.include({code: 'PROTOCOL_ERROR', message: 'line 2: longer than 64 MiB'})
      expect(summary.skipped).to.equal(1)
    })

    it('include a value that JSON cannot say, unless it may be a string', async () => {
      const behave = () => new FakeEngine(() => ({outputs: {y: tensor(Float32Array.of(1, NaN), 'FP32')}}))
      const {sink, summary} = await run([{id: 'a', type: 'echo'}, {type: 'nonsense'}], {engine: behave()})
      expect(sink.lines[0]!.error).to.deep.include({
        code: 'INVALID_ARGUMENT',
        message: 'outputs.y.data[1] is NaN, which JSON cannot say',
      })
      expect(summary).to.include({failed: 1, skipped: 1, succeeded: 0})
      const {sink: other} = await run([{id: 'a', type: 'echo'}], {engine: behave(), nonFinite: 'string'})
      expect(other.text).to.contain('"data":[1,"NaN"]')
    })
  })

  describe('outputs', () => {
    const outputs = {first: tensor(Float32Array.of(1), 'FP32'), second: tensor(Float32Array.of(NaN), 'FP32')}
    const engine = () => new FakeEngine(({type}) => (type === 'echo' ? {} : {outputs}))
    const line = {id: 'a/b', inputs: {}, model: 'm', type: 'inference'}

    it('are only those that the line asks for', async () => {
      const {sink} = await run([{...line, outputs: ['first']}], {engine: engine()})
      expect(Object.keys(sink.lines[0]!.outputs as object)).to.deep.equal(['first'])
    })

    it('that the result does not have are an error naming those it has', async () => {
      const {sink} = await run([{...line, outputs: ['first', 'secnd']}], {engine: engine()})
      expect(sink.lines[0]!.error).to.deep.equal({
        code: 'INVALID_ARGUMENT',
        message: 'outputs[1] is "secnd", which the result does not have',
        suggestions: ['did you mean "second"?', 'outputs: first, second'],
      })
    })

    it('become files in a folder, non-finite values included', async () => {
      const {sink, summary} = await run([line, line, {data: 5, type: 'echo'}], {
        engine: engine(),
        outputFolder: folder(),
      })
      expect(summary.failed).to.equal(0)
      const names = readdirSync(folder()).toSorted()
      expect(names).to.deep.equal(['a_b.first.npy', 'a_b.second.npy', 'a_b~2.first.npy', 'a_b~2.second.npy'])
      const [first, , third] = sink.lines
      expect(first!.outputs).to.deep.include({second: {datatype: 'FP32', file: expectedFile(first), shape: [1]}})
      expect(third).to.deep.include({data: 5}).and.not.have.property('outputs')
    })

    function expectedFile(result: Record<string, unknown> | undefined): string {
      const {file} = (result!.outputs as Record<string, {file: string}>).second!
      expect(path.dirname(file)).to.equal(folder())
      return file
    }

    it('that cannot be saved are an error of their line', async () => {
      const old = new Date(2020, 1)
      mkdirSync(path.join(folder(), 'a_b.first.npy'))
      utimesSync(path.join(folder(), 'a_b.first.npy'), old, old)
      const {sink} = await run([line, {type: 'echo'}], {engine: engine(), outputFolder: folder()})
      expect(sink.lines[0]!.error).to.deep.include({code: 'RESOURCE_EXHAUSTED'})
      expect(sink.lines.map(({ok}) => ok)).to.deep.equal([false, true])
    })
  })

  describe('operations that change what others find', () => {
    it('run alone, after what is before them and before what is after them', async () => {
      let running = 0
      const seen: string[] = []
      const engine = new FakeEngine(() => ({delayMs: 5}))
      const submit = engine.submit.bind(engine)
      engine.submit = async (operation, options) => {
        running++
        const others = running - 1
        const result = await submit(operation, options)
        if (operation.type !== 'echo') seen.push(`${operation.type} ${others} ${running - 1}`)
        running--
        return result
      }

      const {summary} = await run(
        [
          ...echoes(5),
          {model: 'm', type: 'load_model'},
          ...echoes(5),
          {type: 'statistics'},
          {model: 'm', type: 'unload_model'},
          {type: 'initialize'},
          {duration_ms: 1, kind: 'echo', type: 'benchmark'},
          ...echoes(5),
        ],
        {engine},
      )
      expect(summary.succeeded).to.equal(20)
      expect(seen).to.deep.equal([
        'load_model 0 0',
        'statistics 5 0',
        'unload_model 0 0',
        'initialize 0 0',
        'benchmark 0 0',
      ])
      expect(engine.mostRunning).to.equal(6)
    })
  })

  describe('fail-fast', () => {
    it('submits nothing after the first failure, waits for what is in flight, and counts the rest', async () => {
      const engine = behaviour((id) => (id === 10 ? {delayMs: 5, error: fails} : {delayMs: 20}))
      const lines = textOf(echoes(1000))
      const {sink, summary} = await run(lines, {bytes: lines.length, concurrency: 16, engine, failFast: true})
      expect(engine.submissions).to.have.length(16)
      expect(sink.lines).to.have.length(16)
      expect(sink.lines.filter(({ok}) => ok === false).map(({id}) => id)).to.deep.equal([10])
      expect(summary).to.deep.include({notRun: {complete: true, count: 984}, stopped: 'failed', succeeded: 15})
      expect(engine.submissions[0]!.options.signal!.aborted).to.equal(false)
    })

    it('stops at a line that is wrong', async () => {
      const {summary} = await run(['nonsense', {type: 'echo'}, '', {type: 'echo'}], {bytes: 100, failFast: true})
      expect(summary).to.deep.include({failed: 0, notRun: {complete: true, count: 2}, skipped: 1, succeeded: 0})
    })

    it('does not wait for the end of a stream that may have none', async () => {
      const {summary} = await run(neverEnding('nonsense\n{"type":"echo"}\n'), {failFast: true})
      expect(summary).to.deep.include({notRun: {complete: false, count: 1}, stopped: 'failed'})
    })

    it('stops at a value that JSON cannot say', async () => {
      const engine = new FakeEngine(() => ({delayMs: 1, outputs: {y: tensor(Float32Array.of(NaN), 'FP32')}}))
      const {summary} = await run(echoes(100), {bytes: 1, concurrency: 1, engine, failFast: true})
      expect(summary.stopped).to.equal('failed')
      expect(engine.submissions.length).to.be.below(5)
    })
  })

  describe('an interruption', () => {
    it('stops reading, cancels what is in flight and writes what is finished', async () => {
      const controller = new AbortController()
      const engine = behaviour((id) => (id < 10 ? {} : {hangs: true}))
      setTimeout(() => {
        controller.abort()
      }, 50)
      const {sink, summary} = await run(neverEnding(textOf(echoes(20))), {engine, signal: controller.signal})
      expect(summary).to.include({cancelled: 10, failed: 0, stopped: 'interrupted', succeeded: 10})
      expect(sink.lines.map(({id, ok}) => [id, ok])).to.deep.equal(echoes(20).map(({id}) => [id, id < 10]))
      expect(sink.lines.at(-1)!.error).to.deep.include({code: 'CANCELLED'})
    })

    it('gives an engine that does not react up after a while', async () => {
      const controller = new AbortController()
      const engine = new FakeEngine(() => ({hangs: true, ignoresCancellation: true}))
      setTimeout(() => {
        controller.abort()
      }, 20)
      const {sink, summary} = await run(echoes(3), {engine, graceMs: 50, signal: controller.signal})
      expect(summary).to.include({cancelled: 3, stopped: 'interrupted'})
      expect(sink.lines).to.have.length(3)
    })

    it('before the start runs nothing', async () => {
      const {engine, summary} = await run(echoes(3), {signal: AbortSignal.abort()})
      expect(engine.submissions).to.have.length(0)
      expect(summary.stopped).to.equal('interrupted')
    })

    it('ends the wait for an operation that runs alone', async () => {
      const controller = new AbortController()
      const engine = behaviour(() => ({hangs: true}))
      setTimeout(() => {
        controller.abort()
      }, 20)
      const {summary} = await run([...echoes(1), {model: 'm', type: 'load_model'}, ...echoes(1)], {
        engine,
        signal: controller.signal,
      })
      expect(summary).to.deep.include({cancelled: 1, notRun: {complete: false, count: 2}})
    })

    it('may follow a failure that others are still waited for', async () => {
      const controller = new AbortController()
      const engine = behaviour((id) => (id === 0 ? {error: fails} : {hangs: true}))
      setTimeout(() => {
        controller.abort()
      }, 50)
      const {summary} = await run(echoes(4), {
        bytes: 1,
        concurrency: 2,
        engine,
        failFast: true,
        signal: controller.signal,
      })
      expect(summary).to.include({cancelled: 1, stopped: 'interrupted'})
    })
  })

  describe('an output', () => {
    const breaking = (code: string) =>
      new Writable({
        write(_chunk, _encoding, done) {
          done(Object.assign(new Error(`write ${code}`), {code}))
        },
      })

    it('that is closed ends the run quietly and cancels what is in flight', async () => {
      const engine = behaviour((id) => (id < 3 ? {} : {hangs: true}))
      const {summary} = await run(echoes(10_000), {engine, output: breaking('EPIPE')})
      expect(summary.stopped).to.equal('closed')
      expect(engine.submissions.length).to.be.below(100)
      expect(engine.submissions[0]!.options.signal!.aborted).to.equal(true)
    })

    it('that breaks ends the run with an error', async () => {
      await rejectionOf(
        run(echoes(10), {output: breaking('ENOSPC')}),
        'RESOURCE_EXHAUSTED',
        'results cannot be written: write ENOSPC',
      )
    })
  })

  describe('an input', () => {
    it('that breaks lets what was read end, then fails', async () => {
      async function* broken() {
        yield Buffer.from('{"type":"echo","data":1}\n')
        throw new Error('EIO: read error')
      }

      const sink = new Sink()
      const engine = new FakeEngine(() => ({delayMs: 10}))
      await rejectionOf(
        run(Readable.from(broken()), {engine, output: sink}),
        'INTERNAL',
        'the input cannot be read: EIO: read error',
      )
      expect(sink.lines).to.have.length(1)
    })
  })

  describe('progress', () => {
    it('is told at most ten times a second, and never runs backwards', async () => {
      let now = 0
      const moments: Array<RunProgress & {at: number}> = []
      const lines = textOf(echoes(2000))
      const engine = new FakeEngine(() => {
        now += 1
        return {}
      })
      const {summary} = await run(lines, {
        bytes: lines.length,
        clock: () => now,
        engine,
        onProgress(progress) {
          moments.push({...progress, at: now})
        },
      })
      expect(moments.length).to.be.within(15, 21)
      for (const [index, moment] of moments.entries()) {
        if (index === 0) continue
        expect(moment.at - moments[index - 1]!.at).to.be.at.least(100)
        expect(moment.done).to.be.at.least(moments[index - 1]!.done)
        expect(moment.fraction).to.be.within(0, 1)
      }

      expect(summary.fraction).to.equal(1)
      expect(summary.perSecond).to.be.closeTo(1000, 100)
    })
  })

  it('tells each fallback once', async () => {
    const fallback = {from: 'NPU', reason: 'not permitted', to: 'CPU'}
    const {sink, summary} = await run(echoes(5), {engine: new FakeEngine(() => ({fallback}))})
    expect(summary.fallbacks).to.deep.equal([fallback])
    expect(sink.lines[0]!.fallback).to.deep.equal(fallback)
  })

  it('takes one decoded file for thousands of lines', async () => {
    writeFileSync(
      path.join(folder(), 'x.bin'),
      new Uint8Array(Float32Array.from({length: 1000}, (_, index) => index).buffer),
    )
    const lines = Array.from({length: 900}, (_, offset) => ({
      inputs: {x: {datatype: 'FP32', file: 'x.bin', offset, shape: [1, 100]}},
      model: 'm',
      type: 'inference',
    }))
    const {engine} = await run(lines, {folder: folder()})
    const firsts = engine.submissions.map(
      ({operation}) => (operation as unknown as {inputs: {x: {data: Float32Array}}}).inputs.x.data[0],
    )
    expect(firsts).to.deep.equal(lines.map((_, offset) => offset))
  })
})
