import {expect} from 'chai'

import {JobBuilder, jobIdOf, needOf} from '../../../../src/core/cluster/client/job-builder.ts'
import {
  addressesIn,
  bundleOf,
  type Job,
  JOB_VERSION,
  operationsIn,
  readBundle,
} from '../../../../src/core/cluster/job/job.ts'
import {operationOf, parcelOfOperation} from '../../../../src/core/cluster/job/operation-line.ts'
import {isSigned} from '../../../../src/core/cluster/job/signature.ts'
import {bullmqPriority} from '../../../../src/core/cluster/lane/lane.ts'
import {PoolClock} from '../../../../src/core/cluster/redis/clock.ts'
import {type Operation, PRIORITIES} from '../../../../src/core/engine/engine.ts'
import {failureOf, thrownBy} from '../../../support/failure.ts'

const KEY = 'a key that nobody can guess'
const builder = (key: null | string = null) => new JobBuilder('caller-of-a-test', new PoolClock(() => 1000), {key})
const work = {line: '{"type":"echo","data":1}', need: {}, tensors: []}

/** What BullMQ makes of a job on its way. */
function overRedis(job: object): unknown {
  const text = JSON.stringify(job)
  return JSON.parse(text)
}

describe('a job', () => {
  it('has what a worker needs, and is understood by it', () => {
    const job = builder().build(work, {priority: 'high', timeoutMs: 500})
    expect(job).to.deep.include({deadline: 1500, line: work.line, priority: 'high', reply: 'caller-of-a-test'})
    const bundle = bundleOf([job, builder().build(work, {})])
    expect(readBundle(overRedis(bundle))).to.deep.equal(bundle)
    expect(operationsIn(bundle)).to.equal(2)
    expect(bundle.jobs[1]!.deadline).to.equal(null)
  })

  it('of another version is refused with both, and those who wait for it can be told', () => {
    const job = builder().build(work, {})
    const error = thrownBy(() => readBundle({...bundleOf([job]), v: 7}))
    expect(error.code).to.equal('UNSUPPORTED_OPERATION')
    expect(error.message).to.equal(`the job has version 7, this worker takes version ${JOB_VERSION}`)
    expect(addressesIn({...bundleOf([job, job]), v: 7}).map(({reply}) => reply)).to.deep.equal([job.reply, job.reply])
    // The first version had its one operation in the place of the bundle.
    expect(addressesIn({...job, v: 1}).map(({id}) => id)).to.deep.equal([job.id])
    for (const data of [undefined, null, 'x', {jobs: ['x', null]}]) expect(addressesIn(data)).to.deep.equal([])
    expect(operationsIn('nothing')).to.equal(1)
  })

  it('that is malformed is refused with the field', () => {
    const job = builder().build(work, {})
    const wrong: Array<[object, RegExp]> = [
      [{...job, priority: 'urgent'}, /priority/],
      [{...job, reply: '../../etc'}, /reply/],
      [{...job, argv: ['rm', '-rf', '/']}, /argv/],
      [{...job, line: undefined}, /either line or agent/],
      [{...job, tensors: [{file: '../../etc/passwd', bytes: 1}]}, /tensors/],
      [{...job, tensors: [{redis: 'a:b:c:d:e', bytes: 1}]}, /tensors/],
      [{...job, line: undefined, agent: {...agent, name: '/bin/sh'}}, /agent\.name/],
      [{...job, line: undefined, agent: {...agent, command: ['sh']}}, /command/],
    ]
    for (const [data, message] of wrong) {
      const error = thrownBy(() => readBundle({...bundleOf([job]), jobs: [job, data]}))
      expect(error.code).to.equal('PROTOCOL_ERROR')
      expect(error.message).to.match(message).and.contain('jobs.1')
    }

    for (const data of ['nothing', bundleOf([]), {...bundleOf([job]), begun: -1}, {...bundleOf([job]), rm: '-rf'}])
      expect(thrownBy(() => readBundle(data)).code).to.equal('PROTOCOL_ERROR')
  })

  it('is not made of what fits into none', () => {
    const error = thrownBy(() => builder().build(work, {idempotencyKey: 'x'.repeat(300)}))
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.message).to.contain('key')
  })

  it('has a priority for BullMQ whatever it is, and never the one that runs before all others', () => {
    const numbers = PRIORITIES.map((priority) => bullmqPriority(priority))
    expect(numbers).to.deep.equal([5, 4, 3, 2, 1])
  })

  it('with an idempotency key has the same id for all, which is none of BullMQ’s own', () => {
    const [a, b, c] = ['k', 'k', 'l'].map((idempotencyKey) => jobIdOf(builder().build(work, {idempotencyKey})))
    expect(a).to.equal(b)
    expect(a).to.not.equal(c)
    expect(a).to.match(/^key-[\da-f]{40}$/)
  })

  it('names models and no paths', () => {
    const error = thrownBy(() => needOf({inputs: {}, model: '/models/x.onnx', type: 'inference'}))
    expect(error.code).to.equal('INVALID_ARGUMENT')
    expect(error.message).to.contain('a pool knows models by name')
    expect(needOf({inputs: {}, model: 'minilm', stream: 'a', type: 'inference'})).to.deep.equal({
      model: 'minilm',
      stream: true,
    })
  })
})

const agent = {attempt: 1, description: '', inputs: {}, name: 'tester', task_id: 't', workflow_id: 'w'}

describe('a signature', () => {
  const job = builder(KEY).build(work, {priority: 'low', timeoutMs: 100})

  it('holds for the job as it was made', () => {
    expect(isSigned(readBundle(overRedis(bundleOf([job]))).jobs[0]!, KEY)).to.equal(true)
  })

  it('does not hold for another key, another job, or none', () => {
    expect(isSigned(job, `${KEY}!`)).to.equal(false)
    const changes: Array<Partial<Job>> = [
      {line: '{"type":"echo","data":2}'},
      {priority: 'realtime'},
      {deadline: null},
      {reply: 'somebody-else'},
      {id: 'another-id'},
      {need: {device: 'npu'}},
      {key: 'k'},
      {tensors: [{inline: 'AAAA'}]},
    ]
    for (const change of changes) expect(isSigned({...job, ...change}, KEY)).to.equal(false)
    const {sig: _sig, ...unsigned} = job
    expect(isSigned(unsigned, KEY)).to.equal(false)
  })
})

describe('an operation in a job', () => {
  const operations: Operation[] = [
    {type: 'echo', data: {big: 2n ** 60n, text: 'ü'}},
    {
      type: 'inference',
      model: 'x',
      inputs: {a: {data: Float32Array.of(1, 2), shape: [1, 2], datatype: 'FP32'}},
      stream: 's',
      endOfStream: true,
    },
    {
      type: 'matrix_multiply',
      inputs: {
        a: {data: Float32Array.of(1), shape: [1, 1], datatype: 'FP32'},
        b: {data: Float32Array.of(2), shape: [1, 1], datatype: 'FP32'},
      },
    },
    {
      type: 'inference',
      model: 'x',
      inputs: {
        ids: {data: BigInt64Array.of(-5n), shape: [1], datatype: 'INT64'},
        mask: {data: Uint8Array.of(1, 0), shape: [2], datatype: 'BOOL'},
      },
    },
    {type: 'route', description: 'test it', topK: 2},
    {type: 'embed', texts: ['a', 'b']},
    {type: 'load_model', model: 'x', shapes: {a: [1, 2]}},
    {type: 'benchmark', kind: 'echo', durationMs: 5},
    {type: 'health_check'},
    {
      type: 'signal',
      operation: 'filter',
      parameters: {kind: 'convolve'},
      data: {datatype: 'FP32', shape: [2], data: Float32Array.of(1, -2)},
      inputs: {kernel: {datatype: 'FP32', shape: [1], data: Float32Array.of(3)}},
    },
  ]
  for (const operation of operations) {
    it(`comes out as it went in: ${operation.type}`, async () => {
      const {tensors, text} = parcelOfOperation(operation)
      expect(await operationOf({tensors: tensors.map((bytes) => Buffer.from(bytes)), text}, 1000)).to.deep.equal(
        operation,
      )
    })
  }

  it('is refused with more or fewer bytes than its tensors have', async () => {
    const {tensors, text} = parcelOfOperation(operations[1]!)
    const wrong = [[...tensors, Buffer.of(1)], [Buffer.alloc(4)], []]
    for (const bytes of wrong)
      expect((await failureOf(operationOf({tensors: bytes, text}, 1000))).code).to.match(
        /PROTOCOL_ERROR|INVALID_ARGUMENT|SHAPE_MISMATCH/,
      )
  })
})
