import {expect} from 'chai'

import {fieldPath, showValue} from '../../../src/core/run/fields.ts'

describe('fieldPath', () => {
  it('joins names by dots and puts indices into brackets', () => {
    expect(fieldPath(['inputs', 'input', 'shape', 1])).to.equal('inputs.input.shape[1]')
  })

  it('quotes names that would be ambiguous', () => {
    expect(fieldPath(['inputs', 'a.b', 'data'])).to.equal('inputs["a.b"].data')
    expect(fieldPath(['', 'x'])).to.equal('[""].x')
  })
})

describe('showValue', () => {
  it('shows scalars as JSON and containers by their size', () => {
    expect(showValue('a"b')).to.equal(String.raw`"a\"b"`)
    expect(showValue(12n)).to.equal('12')
    expect(showValue(null)).to.equal('null')
    expect(showValue(undefined)).to.equal('missing')
    expect(showValue([1])).to.equal('an array of 1 element')
    expect(showValue({})).to.equal('an object')
  })

  it('cuts what is long', () => {
    expect(showValue('x'.repeat(1000))).to.have.length(61)
  })
})
