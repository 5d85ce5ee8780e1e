import {expect} from 'chai'

import {parseDataset, readDataset} from '../../../src/core/routing/dataset.ts'
import {auroc} from '../../../src/core/routing/evaluate.ts'
import {errorOf, rejectionOf} from '../run/expect-error.ts'

describe('parseDataset', () => {
  const example = {text: 'turn it on', label: 'light'}
  const pair = ['turn it on', 'light']

  it('takes a list, and an object of lists', () => {
    expect(parseDataset([pair], 'f')).to.deep.equal({train: [example], val: [example], oosTrain: [], oosVal: []})
    expect(parseDataset({train: [pair], oos_val: [pair]}, 'f')).to.deep.equal({
      train: [example],
      val: [],
      oosTrain: [],
      oosVal: [example],
    })
  })

  it('names what is wrong', async () => {
    const refused = (value: unknown, message: string) =>
      errorOf(() => parseDataset(value, 'f'), 'INVALID_ARGUMENT', message)
    refused(3, 'f holds no examples')
    refused({test: []}, 'f has "test", which is not a part of a data set')
    refused({train: 3}, 'f: train is not a list')
    refused({val: [pair, ['x']]}, 'f: val[1] is ["x"], it must be [text, label]')
    refused([['x', 'y', 'z']], 'f: [0] is ["x","y","z"], it must be [text, label]')
    await rejectionOf(readDataset('none.json'), 'INVALID_ARGUMENT', /none\.json cannot be read/)
  })
})

describe('auroc', () => {
  it('is the share of pairs in the right order, ties counting half', () => {
    expect(auroc([2, 3], [0, 1])).to.equal(1)
    expect(auroc([0, 1], [2, 3])).to.equal(0)
    expect(auroc([1, 1], [1])).to.equal(0.5)
    expect(auroc([0, 2, 3], [1])).to.be.closeTo(2 / 3, 1e-12)
  })
})
