import {expect} from 'chai'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'

import {
  LONGEST_NUMBER,
  writeBigInt,
  writeFloat32,
  writeFloat64,
  writeInteger,
} from '../../../src/core/run/number-text.ts'

const bytes = Buffer.alloc(LONGEST_NUMBER)

/** What `write` writes, which must fit the room that callers make for it. */
function text<T>(write: (value: T, bytes: Buffer, at: number) => number, value: T): string {
  const end = write(value, bytes, 0)
  expect(end).to.be.at.most(LONGEST_NUMBER)
  return bytes.toString('latin1', 0, end)
}

const float32 = (value: number): string => text(writeFloat32, Math.fround(value))

function expectSameFloat32(value: number): void {
  const written = float32(value)
  expect(Object.is(Math.fround(JSON.parse(written) as number), value), `${value} → ${written}`).to.equal(true)
  // 9 digits always suffice; sign, point and exponent come on top.
  expect(
    written.replace(/e.*$/, '').replaceAll(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length,
  ).to.be.at.most(9)
}

describe('writeFloat32', () => {
  it('writes the digits that a person would write', () => {
    expect([0.1, 0.5, 1, -2.5, 100, 16_777_216, 0.3, 1e-6, 123.456].map(float32)).to.deep.equal([
      '0.1',
      '0.5',
      '1',
      '-2.5',
      '100',
      '16777216',
      '0.3',
      '0.000001',
      '123.456',
    ])
  })

  it('writes very large and very small numbers with an exponent', () => {
    expect([1e-7, 1.5e-10, 3.4028235e38, 1e21, 1e20].map(float32)).to.deep.equal([
      '1e-7',
      '1.5e-10',
      '3.4028235e38',
      '1e21',
      '100000000000000000000',
    ])
  })

  it('keeps the sign of zero', () => {
    expect([0, -0].map(float32)).to.deep.equal(['0', '-0'])
  })

  it('keeps the least, the greatest, subnormal numbers and powers of two and ten', () => {
    const bits = new Uint32Array([
      1, 2, 0x7f_ff_ff, 0x80_00_00, 0x80_00_01, 0x7f_7f_ff_ff, 0x3f_80_00_00, 0x4b_7f_ff_ff,
    ])
    for (const value of new Float32Array(bits.buffer)) expectSameFloat32(value)
    for (let exponent = -149; exponent < 128; exponent++) expectSameFloat32(2 ** exponent)
    for (let exponent = -45; exponent < 39; exponent++) expectSameFloat32(Math.fround(Number(`1e${exponent}`)))
  })

  it('reads back as the same float32, whatever its bits', () => {
    const view = new DataView(new ArrayBuffer(4))
    const anyBits = fc.integer({max: 0xff_ff_ff_ff, min: 0}).map((bits) => {
      view.setUint32(0, bits)
      return view.getFloat32(0)
    })
    fc.assert(
      fc.property(anyBits.filter(Number.isFinite), (value) => {
        expectSameFloat32(value)
      }),
      {numRuns: 20_000},
    )
  })

  it('is never longer than what the double would take', () => {
    fc.assert(
      fc.property(fc.float({noDefaultInfinity: true, noNaN: true}), (value) => {
        expect(float32(value).length).to.be.at.most(String(value).length + 1)
      }),
      {numRuns: 5000},
    )
  })
})

describe('writeFloat64', () => {
  it('reads back as the same double', () => {
    fc.assert(
      fc.property(fc.double({noDefaultInfinity: true, noNaN: true}), (value) => {
        expect(Object.is(JSON.parse(text(writeFloat64, value)), value)).to.equal(true)
      }),
    )
  })
})

describe('writeInteger and writeBigInt', () => {
  it('write every integer exactly', () => {
    for (const value of [0, 7, -1, 10, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 32 - 1]) {
      expect(text(writeInteger, value)).to.equal(String(value))
    }

    fc.assert(
      fc.property(fc.bigInt({max: 2n ** 64n - 1n, min: -(2n ** 63n)}), (value) => {
        expect(text(writeBigInt, value)).to.equal(String(value))
      }),
    )
  })
})
