import {expect} from 'chai'

import type {NpuBridgeError} from '../../../src/core/errors.ts'

import {resolveConfig} from '../../../src/core/config/resolve.ts'

async function refusal(code: Record<string, unknown>, env: NodeJS.ProcessEnv = {}): Promise<NpuBridgeError> {
  try {
    await resolveConfig({code, env, folder: null})
  } catch (error) {
    return error as NpuBridgeError
  }

  throw new Error('it was accepted')
}

describe('what is wrong with a configuration', () => {
  it('is told with path, value and what is allowed', async () => {
    for (const [code, message] of [
      [{worker_threads: 0}, 'worker_threads is 0, it must be a whole number from 1 to 256'],
      [{worker_threads: 1.5}, 'worker_threads is 1.5, it must be a whole number from 1 to 256'],
      [{queue: {policy: 'drop'}}, 'queue.policy is "drop", it must be one of reject, wait'],
      [{metrics: 'yes'}, 'metrics is "yes", it must be true or false'],
      [{npu: {precision: 'FP8'}}, 'npu.precision is "FP8", it must be one of FP32, FP16, BF16, INT8'],
      [{power: {budget_watts: 0}}, 'power.budget_watts is 0, it must be a number above 0'],
      [{batching: {preferred: [4, 'x']}}, 'batching.preferred[1] is "x", it must be a whole number from 1 to 1024'],
      [{queue: {per_priority: {low: 0}}}, 'queue.per_priority.low is 0, it must be a whole number from 1'],
      [{queue: 5}, 'queue is 5, it must be an object of capacity, policy, per_priority'],
      [{profiles: {mine: {requests: 0}}}, 'profiles.mine.requests is 0, it must be a whole number from 1 to 1024'],
    ] as const) {
      const error = await refusal(code)
      expect(error.code).to.equal('CONFIG_INVALID')
      expect(error.exitCode).to.equal(2)
      expect(error.message).to.contain(message)
    }
  })

  it('is told with the nearest name', async () => {
    for (const [code, message, nearest] of [
      [{worker_treads: 2}, 'worker_treads is no setting', 'worker_threads'],
      [{queue: {capasity: 2}}, 'queue.capasity is no setting: queue has capacity, policy, per_priority', 'capacity'],
      [{device: 'nppu'}, 'device is "nppu"', 'npu'],
      [{profile: 'througput'}, 'profile is "througput"', 'throughput'],
      [{profiles: {mine: {stream: 2}}}, 'profiles.mine.stream is no setting', 'streams'],
    ] as const) {
      const error = await refusal(code)
      expect(error.message).to.contain(message)
      expect(error.suggestions[0]).to.equal(`did you mean "${nearest}"?`)
    }
  })

  it('is told all at once, with where it comes from', async () => {
    const error = await refusal({retries: -1}, {NPUBRIDGE_WORKER_THREADS: 'two', NPUBRIDGE_METRICS: 'maybe'})
    expect(error.message.split('\n')).to.have.length(3)
    expect(error.message).to.contain(
      'worker_threads is "two", it must be a whole number from 1 to 256 (in NPUBRIDGE_WORKER_THREADS)',
    )
  })

  it('includes variables that are almost a setting, and no others', async () => {
    const error = await refusal({}, {NPUBRIDGE_WORKER_TREADS: '2'})
    expect(error.message).to.contain('NPUBRIDGE_WORKER_TREADS is "2", but sets nothing')
    expect(error.suggestions[0]).to.contain('NPUBRIDGE_WORKER_THREADS')
    const {ignored} = await resolveConfig({folder: null, env: {NPUBRIDGE_SOMETHING_ELSE_ALTOGETHER: '1'}})
    expect(ignored.map(({variable}) => variable)).to.deep.equal(['NPUBRIDGE_SOMETHING_ELSE_ALTOGETHER'])
  })

  it('includes settings that contradict each other', async () => {
    for (const [code, message] of [
      [{profile: 'mine'}, 'profile is "mine", it must be one of latency, throughput, efficiency'],
      [{models: {magika: {profile: 'none'}}}, 'models.magika.profile is "none"'],
      [{profiles: {latency: {}}}, 'that name is built in'],
      [
        {device: 'cpu', profile: 'mine', profiles: {mine: {device: 'npu'}}},
        'device is "cpu", but the profile mine was made for npu',
      ],
      [
        {npu: {memory_limit_mb: 1}, resources: {npu_memory_mb: 2}},
        'npu.memory_limit_mb is 1, but resources.npu_memory_mb, which is the same, is 2',
      ],
      [{max_latency_us: 100, batching: {delay_us: 200}}, 'batching.delay_us is 200, but max_latency_us is 100'],
    ] as const) {
      const error = await refusal(code)
      expect(error.code).to.equal('CONFIG_INVALID')
      expect(error.message).to.contain(message)
    }
  })

  it('is not a name that would break a file', async () => {
    expect((await refusal({profiles: {'my profile': {}}})).message).to.contain('a letter first')
  })
})
