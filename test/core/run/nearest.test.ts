import {expect} from 'chai'

import {nameSuggestions, nearestName} from '../../../src/core/run/nearest.ts'

describe('nearestName', () => {
  const known = ['id', 'type', 'timeout_ms', 'end_of_stream', 'priority']

  it('finds a name with a letter wrong, missing or swapped', () => {
    expect(nearestName('timeot_ms', known)).to.equal('timeout_ms')
    expect(nearestName('prioirty', known)).to.equal('priority')
    expect(nearestName('tpye', known)).to.equal('type')
  })

  it('takes the other ways of writing a name for the same name', () => {
    expect(nearestName('timeoutMs', known)).to.equal('timeout_ms')
    expect(nearestName('end-of-stream', known)).to.equal('end_of_stream')
    expect(nearestName('ENDOFSTREAM', known)).to.equal('end_of_stream')
  })

  it('finds nothing where nothing is close', () => {
    expect(nearestName('colour', known)).to.equal(undefined)
    expect(nearestName('x'.repeat(1_000_000), known)).to.equal(undefined)
  })

  it('names the nearest and all others', () => {
    expect(nameSuggestions('ide', known, 'fields')).to.deep.equal([
      'did you mean "id"?',
      'fields: id, type, timeout_ms, end_of_stream, priority',
    ])
    expect(nameSuggestions('x', [], 'outputs')).to.deep.equal(['there are no outputs'])
  })
})
