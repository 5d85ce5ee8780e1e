import {expect} from 'chai'

import {deviceOf, engineSettings} from '../../../src/core/config/engine-settings.ts'
import {fromJavaScript} from '../../../src/core/config/spelling.ts'

describe('engineSettings', () => {
  it('says nothing that is not set', () => {
    expect(engineSettings({})).to.deep.equal({profile: 'latency'})
  })

  it('turns an own profile into the one it extends and what it changes', () => {
    const config = {
      profile: 'mine',
      batching: {max: 16, delay_us: 50},
      profiles: {mine: {extends: 'throughput', requests: 4, streams: 2, batching: {max: 8}, device: 'npu'}},
    } as const
    const settings = engineSettings(config)
    expect(settings.profile).to.equal('throughput')
    expect(settings.tuning).to.deep.equal({requests: 4, streams: 2})
    expect(settings.batching).to.deep.equal({max: 8, delayUs: 50})
    expect(deviceOf(config)).to.equal('npu')
    expect(deviceOf({...config, device: 'auto'})).to.equal('auto')
  })

  it('puts limits by priority in their order', () => {
    const {queue} = engineSettings({queue: {per_priority: {low: 1, realtime: 5}}})
    expect(queue).to.deep.equal({perPriority: [1, null, null, null, 5]})
  })

  it('takes the memory limit of NPUs by either name', () => {
    expect(engineSettings({npu: {memory_limit_mb: 7}}).resources).to.deep.equal({npuMemoryMb: 7})
    expect(engineSettings({resources: {npu_memory_mb: 7}}).resources).to.deep.equal({npuMemoryMb: 7})
  })

  it('gives models their own profiles and shapes', () => {
    const {models} = engineSettings({
      models: {a: {profile: 'mine'}, b: {shapes: {x: [1, 2]}}},
      profiles: {mine: {hint: 'throughput'}},
    })
    expect(models).to.deep.equal({
      a: {profile: 'latency', tuning: {hint: 'throughput'}},
      b: {shapes: {x: [1, 2]}},
    })
  })

  it('says where MATLAB is', () => {
    const config = {matlab_config: {matlab_root: '/m', enable_signal_processing: false, max_workers: 2}}
    const spelled = {matlabConfig: {matlabRoot: '/m', enableSignalProcessing: false, maxWorkers: 2}}
    expect(engineSettings(config).matlabConfig).to.deep.equal(spelled.matlabConfig)
    expect(fromJavaScript(spelled)).to.deep.equal(config)
  })

  it('is the same in JavaScript spelling', () => {
    const spelled = {queue: {perPriority: [1]}, batching: {delayUs: 5}, models: {myModel: {shapes: {inputIds: [1]}}}}
    expect(fromJavaScript(spelled)).to.deep.equal({
      queue: {per_priority: [1]},
      batching: {delay_us: 5},
      models: {myModel: {shapes: {inputIds: [1]}}},
    })
    expect(fromJavaScript({queue: {perPriority: {low: 1}}})).to.deep.equal({queue: {per_priority: {low: 1}}})
  })
})
