import {expect} from 'chai'

import {parseDuration} from '../../../src/core/bench/duration.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'

describe('a duration', () => {
  it('is in seconds or milliseconds', () => {
    expect(parseDuration('2s')).to.equal(2000)
    expect(parseDuration('500ms')).to.equal(500)
    expect(parseDuration('1.5')).to.equal(1500)
    expect(parseDuration(' 0.25 s ')).to.equal(250)
  })

  it('is above zero, and nothing else', () => {
    for (const text of ['', '0', '0s', '-1', 'fast', '1m', '1e3']) {
      expect(() => parseDuration(text), text).to.throw(NpuBridgeError, 'is no duration')
    }
  })
})
