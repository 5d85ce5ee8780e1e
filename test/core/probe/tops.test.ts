import {expect} from 'chai'

import {topsOf} from '../../../src/core/probe/tops.ts'
import {probeCase} from './fixture.ts'

describe('TOPS', () => {
  it('are computed from the clock that the kernel reads and the tiles of the product', async () => {
    const {tops} = await probeCase('healthy-meteor-lake')
    expect(tops).to.include({basis: 'computed', how: '1.4 GHz × 2 tiles × 4096', text: '11.5 TOPS INT8'})
    expect(tops.value).to.be.closeTo(11.469, 0.001)
  })

  it('count twice the operations a clock from Panther Lake on', async () => {
    const {tops} = await probeCase('healthy-wildcat-lake')
    expect(tops).to.include({how: '2 GHz × 1 tile × 8192', text: '16.4 TOPS INT8'})
  })

  it('leave out tiles that are switched off', async () => {
    const facts = await probeCase('healthy-lunar-lake')
    const native = {...facts.native, parameters: {coreClockHz: 1_950_000_000, tileConfig: 0b10_0000}}
    expect(topsOf({...facts, native}).how).to.equal('1.9 GHz × 5 tiles × 4096')
  })

  it('do not count bits beyond the tiles of the product', async () => {
    const facts = await probeCase('healthy-meteor-lake')
    const native = {...facts.native, parameters: {tileConfig: 0b1111_1100}}
    expect(topsOf({...facts, native}).how).to.equal('1.4 GHz × 2 tiles × 4096')
  })

  it("prefer the device's own figure", async () => {
    const facts = await probeCase('healthy-meteor-lake')
    const used = facts.openvino.used!
    const device = {...used.devices[1]!, properties: {DEVICE_GOPS: '{f16:5734.4,i8:11468.8}'}}
    const openvino = {...facts.openvino, used: {...used, devices: [device]}}
    expect(topsOf({...facts, openvino})).to.include({basis: 'measured', text: '11.5 TOPS INT8', value: 11.4688})
  })

  it('are nominal, without a number, where the clock is not known', async () => {
    const {tops} = await probeCase('kernel-6.3-without-telemetry')
    expect(tops).to.include({basis: 'nominal', text: '11–11.5 TOPS INT8', value: null})
  })

  it('are unknown for a product of which nothing is published', async () => {
    expect((await probeCase('healthy-nova-lake')).tops).to.include({basis: 'unknown', value: null})
    expect((await probeCase('amdxdna-only')).tops).to.include({basis: 'unknown', text: 'TOPS unknown'})
  })
})
