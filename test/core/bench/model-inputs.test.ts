import {expect} from 'chai'

import {describeInputs, inputsFor, takesBatches} from '../../../src/core/bench/model-inputs.ts'
import {DATATYPES} from '../../../src/core/engine/engine.ts'

const model = (datatype: (typeof DATATYPES)[number], ...shape: number[]) => ({
  inputs: [{datatype, name: 'x', shape}],
})

describe('inputs for any model', () => {
  it('have the declared shape, with something for what is free', () => {
    expect(inputsFor(model('FP32', 2, 3)).x!.shape).to.deep.equal([2, 3])
    expect(inputsFor(model('INT64', -1, -1)).x!.shape).to.deep.equal([1, 128])
    expect(inputsFor(model('INT64', -1, 4), 32).x!.shape).to.deep.equal([32, 4])
  })

  it('exist for every datatype, and are not zero', () => {
    for (const datatype of DATATYPES) {
      const {data} = inputsFor(model(datatype, 2, 3)).x!
      expect(data, datatype).to.have.lengthOf(6)
      expect(Number(data[5]), datatype).to.not.equal(0)
    }
  })

  it('take batches where the first dimension of all of them is free', () => {
    expect(takesBatches(model('FP32', -1, 3))).to.equal(true)
    expect(takesBatches(model('FP32', 1, -1))).to.equal(false)
    expect(takesBatches({inputs: [...model('FP32', -1).inputs, ...model('FP32', 1).inputs]})).to.equal(false)
    expect(takesBatches(model('FP32'))).to.equal(false)
  })

  it('are described by name and shape', () => {
    expect(describeInputs(inputsFor(model('FP32', 2, 3)))).to.equal('x [2, 3]')
  })
})
