import {expect} from 'chai'

import {wrap} from '../../src/ui/wrap.ts'

describe('wrap', () => {
  it('breaks between words', () => {
    expect(wrap('one two three four', 9)).to.deep.equal(['one two', 'three', 'four'])
  })

  it('leaves a word that is too long on a line of its own', () => {
    expect(wrap('a incomprehensible b', 5)).to.deep.equal(['a', 'incomprehensible', 'b'])
  })

  it('leaves the text whole without a width', () => {
    expect(wrap('one two three', undefined)).to.deep.equal(['one two three'])
  })
})
