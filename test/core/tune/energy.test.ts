import {expect} from 'chai'

import {runningMachine} from '../../../src/core/probe/machine.ts'
import {FolderRoot} from '../../../src/core/probe/root.ts'
import {energyMeter} from '../../../src/core/tune/energy.ts'

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), {code})
}

describe('energyMeter', () => {
  it('reads RAPL, over the end of its counter, too', () => {
    const files: Record<string, string> = {energy_uj: '5000000\n', max_energy_range_uj: '10000000\n'}
    const meter = energyMeter('CPU', (file) => files[file.split('/').at(-1)!]!)
    if (!('source' in meter)) throw new Error(meter.reason)
    expect(meter.read()).to.equal(5)
    expect(meter.between(5, 7)).to.equal(2)
    expect(meter.between(9, 1)).to.equal(2)
    expect(meter.between(null, 1)).to.equal(null)
  })

  it('says why there is none', () => {
    expect(energyMeter('CPU', failing('ENOENT'))).to.deep.equal({reason: 'this machine has no RAPL'})
    expect(energyMeter('CPU', failing('EACCES'))).to.deep.equal({reason: 'RAPL cannot be read (EACCES)'})
    const nowhere = () => new FolderRoot('/nowhere', runningMachine())
    expect(energyMeter('NPU', failing('ENOENT'), nowhere)).to.deep.equal({reason: 'this machine has no Intel NPU'})
  })
})
