import {expect} from 'chai'
import path from 'node:path'

import {openRoot} from '../../../src/core/probe/snapshot.ts'
import {rateBetween, readTelemetry, type TelemetrySample} from '../../../src/core/probe/telemetry.ts'
import {FIXTURES, probeCase} from './fixture.ts'

const SAMPLE: TelemetrySample = {
  at: 1000,
  busyUs: 5_000_000,
  energyJoules: 10,
  frequencyMhz: 1400,
  maxFrequencyMhz: 1400,
  memoryBytes: 0,
  power: 'active',
  temperatureCelsius: 50,
  withoutSensors: null,
}

const rootOf = (name: string) => openRoot(path.join(FIXTURES, name)).root

describe('telemetry', () => {
  for (const name of ['meteor', 'arrow', 'lunar', 'panther', 'wildcat']) {
    it(`reads temperature and energy from the PMT region of ${name} lake`, async () => {
      const {telemetry} = await probeCase(`healthy-${name}-lake`)
      expect(telemetry).to.include({energyJoules: 1234.5, temperatureCelsius: 48, withoutSensors: null})
    })
  }

  it('reads what the driver tells, and 0 MHz for a suspended NPU', async () => {
    const {telemetry} = await probeCase('healthy-meteor-lake')
    expect(telemetry).to.include({
      busyUs: 1_250_000,
      frequencyMhz: 0,
      maxFrequencyMhz: 1400,
      memoryBytes: 8_388_608,
      power: 'suspended',
    })
  })

  it('has no values, and not 0, on a kernel that does not tell', async () => {
    const {telemetry} = await probeCase('kernel-6.3-without-telemetry')
    expect(telemetry).to.include({busyUs: null, frequencyMhz: null, memoryBytes: null, temperatureCelsius: null})
    expect(telemetry?.withoutSensors).to.equal('this system has no known PMT region')
  })

  it('says that temperature and energy need root', async () => {
    const {telemetry} = await probeCase('healthy-seen-by-a-user')
    expect(telemetry).to.include({energyJoules: null, withoutSensors: 'needs root'})
    expect(telemetry?.busyUs).to.equal(1_250_000)
  })

  it('gives utilisation and power of the time between two samples', () => {
    const later = {...SAMPLE, at: 3000, busyUs: 6_000_000, energyJoules: 13}
    expect(rateBetween(SAMPLE, later)).to.deep.equal({powerWatts: 1.5, utilisation: 0.5})
  })

  it('never exceeds full utilisation', () => {
    expect(rateBetween(SAMPLE, {...SAMPLE, at: 2000, busyUs: 6_100_000}).utilisation).to.equal(1)
  })

  it('gives no rate when a counter is missing, went back, or no time passed', () => {
    const none = {powerWatts: null, utilisation: null}
    expect(rateBetween(SAMPLE, {...SAMPLE, at: 2000, busyUs: null, energyJoules: null})).to.deep.equal(none)
    expect(rateBetween(SAMPLE, {...SAMPLE, at: 2000, busyUs: 1, energyJoules: 1})).to.deep.equal(none)
    expect(rateBetween(SAMPLE, SAMPLE)).to.deep.equal(none)
  })

  it('takes no number from rubbish', async () => {
    const root = rootOf('healthy-meteor-lake')
    const rubbish = Object.assign(Object.create(root) as typeof root, {
      list: () => ({value: []}),
      text: () => ({value: '-5 many'}),
    })
    const {npu} = await probeCase('healthy-meteor-lake')
    expect(readTelemetry(rubbish, npu!, 0)).to.include({busyUs: null, frequencyMhz: null, memoryBytes: null})
  })
})
