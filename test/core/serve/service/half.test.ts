import {expect} from 'chai'

import {fromBfloat, fromHalf, toBfloat, toHalf} from '../../../../src/core/serve/service/half.ts'

describe('16-bit floats', () => {
  it('are the same number after a way there and back, every one of them', () => {
    const changed: number[] = []
    for (let pattern = 0; pattern <= 0xff_ff; pattern++) {
      const isKept = ([from, to]: readonly [(bits: number) => number, (value: number) => number]) => {
        const value = from(pattern)
        return Number.isNaN(value) ? Number.isNaN(from(to(value))) : to(value) === pattern
      }

      if (!isKept([fromHalf, toHalf]) || !isKept([fromBfloat, toBfloat])) changed.push(pattern)
    }

    expect(changed).to.deep.equal([])
  })

  it('are the nearest ones, ties to even', () => {
    const halves: Array<[number, number]> = [
      [1, 0x3c_00],
      [1 + 2 ** -11, 0x3c_00],
      [1 + 3 * 2 ** -11, 0x3c_02],
      [65_504, 0x7b_ff],
      [65_519, 0x7b_ff],
      [65_520, 0x7c_00],
      [2 ** -24, 1],
      [2 ** -25, 0],
      [1.5 * 2 ** -24, 2],
      [-Infinity, 0xfc_00],
      [-0, 0x80_00],
      [1e30, 0x7c_00],
    ]
    for (const [value, pattern] of halves) expect(toHalf(value), String(value)).to.equal(pattern)
    expect(toBfloat(1 + 2 ** -8)).to.equal(0x3f_80)
    expect(toBfloat(1 + 3 * 2 ** -8)).to.equal(0x3f_82)
  })
})
