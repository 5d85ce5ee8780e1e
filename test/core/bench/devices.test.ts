import {expect} from 'chai'

import {otherDevices, otherKinds} from '../../../src/core/bench/devices.ts'
import {Participants} from '../../../src/core/bench/participants.ts'

const never = async (): Promise<never> => {
  throw new Error('nothing can be opened')
}

describe('devices to measure beside the chosen one', () => {
  it('are the others, one of each kind', () => {
    expect(otherKinds(['CPU', 'GPU.0', 'GPU.1', 'NPU'], 'npu')).to.deep.equal(['gpu', 'cpu'])
    expect(otherKinds(['CPU'], 'cpu')).to.deep.equal([])
    expect(otherKinds(['CPU', 'GNA'], 'cpu')).to.deep.equal([])
  })

  it('are none where the user has chosen, or where nothing runs', async () => {
    const participants = new Participants({engine: never, legacy: never, compat: never})
    expect(await otherDevices(participants, 'cpu')).to.deep.equal([])
    expect(await otherDevices(participants, 'auto')).to.deep.equal([])
  })
})
