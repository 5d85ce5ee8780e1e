import {expect} from 'chai'

import {encodeCsv, parseCsv} from '../../../src/core/signal/csv.ts'

describe('samples as comma-separated values', () => {
  it('makes a channel of each column and passes over names', () => {
    const {data, shape} = parseCsv('left,right\n1,-2\n3.5,4e-1\n\n', 'a.csv')
    expect(shape).to.deep.equal([2, 2])
    expect([...data]).to.deep.equal([1, 3.5, -2, 0.4])
  })

  it('makes one dimension of one column', () => {
    expect(parseCsv('1\n2\n3\n', 'a.csv').shape).to.deep.equal([3])
  })

  it('writes what it reads', () => {
    const text = '1,-2\n3.5,0.4\n'
    expect(encodeCsv(parseCsv(text, 'a.csv'))).to.equal(text)
  })

  it('names line and column of what is no number', () => {
    expect(() => parseCsv('1,2\n3,x\n', 'a.csv')).to.throw('a.csv, line 2: column 2 is "x", which is no number')
    expect(() => parseCsv('1,2\n3\n', 'a.csv')).to.throw('a.csv, line 2: has 1 columns, the first row has 2')
    expect(() => parseCsv('\n', 'a.csv')).to.throw('a.csv has no samples')
  })
})
