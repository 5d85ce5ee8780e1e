import {expect} from 'chai'

import type {Candidate} from '../../../../src/core/cluster/placement/place.ts'

import {companies} from '../../../../src/core/cluster/client/companies.ts'
import {JobBuilder} from '../../../../src/core/cluster/client/job-builder.ts'
import {mostTogether} from '../../../../src/core/cluster/placement/together.ts'
import {PoolClock} from '../../../../src/core/cluster/redis/clock.ts'

const node = (name: string, given: Partial<Candidate> = {}): Candidate => ({
  name,
  isOpen: true,
  devices: new Set(['cpu']),
  throttled: new Set(),
  models: new Set(),
  agents: new Set(),
  load: 0,
  capacity: 64,
  ...given,
})

describe('how many operations go into one job', () => {
  it('is one where there are few, and bounded where there are many', () => {
    expect([1, 4, 5, 8, 40, 64, 5000].map((count) => mostTogether(count, 'any', [node('a')]))).to.deep.equal([
      1, 1, 2, 2, 10, 16, 16,
    ])
  })

  it('leaves a share for each node that reads the lane and has a place free', () => {
    const nodes = [node('a'), node('b', {devices: new Set(['cpu', 'npu'])}), node('c', {isOpen: false})]
    expect(mostTogether(64, 'any', nodes)).to.equal(8)
    expect(mostTogether(64, 'any@urgent', nodes)).to.equal(8)
    expect(mostTogether(32, 'npu', nodes)).to.equal(8)
    expect(mostTogether(32, 'node.a@urgent', nodes)).to.equal(8)
    expect(mostTogether(64, 'any', [node('a', {load: 1}), node('b')])).to.equal(16)
    expect(mostTogether(64, 'any', [node('a', {load: 1}), node('b', {load: 2})])).to.equal(8)
  })

  it('is a quarter of what the least of them takes, and one where nobody is there', () => {
    expect(mostTogether(5000, 'any', [node('a'), node('b', {capacity: 8})])).to.equal(2)
    expect(mostTogether(5000, 'any', [node('a'), node('b', {capacity: 3})])).to.equal(1)
    expect(mostTogether(3, 'any', [])).to.equal(1)
  })
})

describe('operations of one turn', () => {
  const builder = new JobBuilder('caller-of-a-test', new PoolClock(() => 0), {key: null})
  const one = (name: string, options: Parameters<JobBuilder['build']>[1] = {}, line = '{}') => ({
    name,
    pending: {job: builder.build({line, need: {}, tensors: []}, options)},
    timeoutMs: options.timeoutMs,
  })
  const grouped = (all: Array<ReturnType<typeof one>>, most: number) =>
    companies(all, most).map((members) => members.map(({name}) => name).join(''))

  it('go together in their order, those of one priority and timeout', () => {
    const all = [one('a'), one('b', {priority: 'low'}), one('c'), one('d', {timeoutMs: 5}), one('e'), one('f')]
    expect(grouped(all, 3)).to.deep.equal(['ace', 'b', 'd', 'f'])
    expect(grouped(all, 1)).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  it('stay alone with a key, as the task of an agent, and where they are large', () => {
    const task = {attempt: 1, description: '', inputs: {}, name: 'x', task_id: 't', workflow_id: 'w'}
    const agent = {name: 'g', pending: {job: builder.build({agent: task}, {})}, timeoutMs: undefined}
    const large = 'x'.repeat(100_000)
    expect(
      grouped([one('a'), one('k', {idempotencyKey: 'k'}), agent, one('h', {}, 'x'.repeat(200_000)), one('b')], 9),
    ).to.deep.equal(['ab', 'k', 'g', 'h'])
    expect(grouped([one('a', {}, large), one('b', {}, large), one('c', {}, large)], 9)).to.deep.equal(['ab', 'c'])
  })
})
