import {expect} from 'chai'

import {releaseOutputs} from '../../../src/core/engine/release.ts'

const tensor = (data: Float32Array) => ({data, shape: [data.length], datatype: 'FP32'}) as const

describe('memory of outputs', () => {
  it('is given back where it is large and of one output alone', () => {
    const large = new Float32Array(20_000)
    releaseOutputs({outputs: {large: tensor(large)}})
    expect(large.length).to.equal(0)
  })

  it('stays where it is small, of others too, or shared between threads', () => {
    const small = new Float32Array(16_384)
    const part = new Float32Array(new ArrayBuffer(100_000), 0, 20_000)
    const shared = new Float32Array(new SharedArrayBuffer(80_000))
    releaseOutputs({outputs: {small: tensor(small), part: tensor(part), shared: tensor(shared)}})
    expect([small, part, shared].map(({length}) => length)).to.deep.equal([16_384, 20_000, 20_000])
  })

  it('is none where there are no outputs', () => {
    releaseOutputs({})
  })
})
