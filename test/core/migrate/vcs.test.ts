import {expect} from 'chai'

import {parseStatus} from '../../../src/core/migrate/vcs.ts'

describe('the output of git status', () => {
  it('is read with renames, spaces and unicode', () => {
    expect(parseStatus(' M a b.py\0R  new name.py\0old name.py\0?? für/\0')).to.deep.equal([
      'a b.py',
      'new name.py',
      'für/',
    ])
    expect(parseStatus('')).to.deep.equal([])
  })
})
