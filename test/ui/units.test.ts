import {expect} from 'chai'

import {formatBytes, formatMicroseconds, formatSeconds} from '../../src/ui/units.ts'

describe('units', () => {
  it('show sizes as people read them', () => {
    expect(
      [0, 896, 999, 1000, 1_288_203, 59_144_434, 999_600, 1.5e9, 3e15].map((bytes) => formatBytes(bytes)),
    ).to.deep.equal(['0 B', '896 B', '999 B', '1.0 KB', '1.3 MB', '59 MB', '1.0 MB', '1.5 GB', '3000 TB'])
  })

  it('show short times as people read them', () => {
    expect([12.4, 999.4, 999.6, 179_958, 1_300_000].map((time) => formatMicroseconds(time))).to.deep.equal([
      '12 µs',
      '999 µs',
      '1 ms',
      '180 ms',
      '1.3 s',
    ])
  })

  it('show times as people read them', () => {
    expect([0.84, 3, 9.97, 12.4, 59.6, 185].map((seconds) => formatSeconds(seconds))).to.deep.equal([
      '0.8 s',
      '3 s',
      '10 s',
      '12 s',
      '1 min 0 s',
      '3 min 5 s',
    ])
  })
})
