import {expect} from 'chai'

import {unstacked} from '../../../src/core/bench/open-engine.ts'

describe('what is compared with programs that run each inference by itself', () => {
  it('stacks none, and is what was asked for otherwise', () => {
    const asked = {device: 'cpu', engine: 'native', profile: 'mine', runtime: '/somewhere'} as const
    expect(unstacked(asked)).to.deep.equal({...asked, config: {batching: {max: 1}}})
    const config = {batching: {delay_us: 100, max: 8}, worker_threads: 2}
    expect(unstacked({...asked, config}).config).to.deep.equal({batching: {max: 1}, worker_threads: 2})
  })
})
