import {expect} from 'chai'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {disturbances} from '../../../src/core/bench/environment.ts'
import {readCounters} from '../../../src/core/bench/machine-counters.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('the counters of a machine', () => {
  let root: string

  beforeEach(async () => {
    root = `${await makeFolder()}/`
  })

  afterEach(async () => removeFolder(root))

  const put = async (file: string, text: string) => {
    await mkdir(path.dirname(path.join(root, file)), {recursive: true})
    await writeFile(path.join(root, file), text)
  }

  it('are read where Linux has them', async () => {
    await put('proc/stat', 'cpu  100 0 50 800 10 0 0 40 5 0\ncpu0 1 2 3\n')
    await put('sys/fs/cgroup/cpu.stat', 'usage_usec 5\nnr_periods 9\nnr_throttled 3\n')
    await put('sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count', '2\n')
    await put('sys/devices/system/cpu/cpu11/thermal_throttle/core_throttle_count', '4\n')
    expect(await readCounters(root)).to.deep.equal({ticks: 1000, stolen: 40, limited: 3, throttled: 6})
  })

  it('are zero where there are none', async () => {
    expect(await readCounters(root)).to.deep.equal({ticks: 0, stolen: 0, limited: 0, throttled: 0})
  })

  it('tell what has disturbed the work in between', () => {
    const before = {ticks: 1000, stolen: 10, limited: 1, throttled: 0}
    expect(disturbances(before, {...before, ticks: 2000})).to.deep.equal([])
    const warnings = disturbances(before, {ticks: 2000, stolen: 130, limited: 4, throttled: 2})
    expect(warnings).to.deep.equal([
      '12 % of the processor time was taken by the host of this virtual machine',
      'the processor limit of the container held this work back 3 times',
      'the processor slowed down 2 times because of heat',
    ])
  })
})
