import {expect} from 'chai'
import fc from 'fast-check'

import {DATATYPES} from '../../../src/core/engine/engine.ts'
import {DATATYPE_INFO} from '../../../src/core/run/datatypes.ts'
import {decodeInlineTensor, NeedsExactIntegers} from '../../../src/core/run/tensor.ts'
import {errorOf} from './expect-error.ts'

const decode = (value: object, options: {exact?: boolean; nonFinite?: 'error' | 'string'} = {}) =>
  decodeInlineTensor(value, 'inputs.x', {exact: false, nonFinite: 'error', ...options})

describe('decodeInlineTensor', () => {
  it('reads flat data into the array of its datatype', () => {
    expect(decode({data: [1, 2.5, -3, 0.1], datatype: 'FP32', shape: [2, 2]})).to.deep.equal({
      data: Float32Array.of(1, 2.5, -3, 0.1),
      datatype: 'FP32',
      shape: [2, 2],
    })
    expect(decode({data: [1, 255], datatype: 'UINT8', shape: [2]}).data).to.deep.equal(Uint8Array.of(1, 255))
    expect(decode({data: [1, -5], datatype: 'INT64', shape: [2]}).data).to.deep.equal(BigInt64Array.of(1n, -5n))
    expect(decode({data: [true, 0, 1, false], datatype: 'BOOL', shape: [4]}).data).to.deep.equal(
      Uint8Array.of(1, 0, 1, 0),
    )
    expect(decode({data: [15_360, 65_535], datatype: 'FP16', shape: [2]}).data).to.deep.equal(
      Uint16Array.of(15_360, 65_535),
    )
  })

  it('takes FP32 where no datatype is given, and the nesting where no shape is', () => {
    expect(
      decode({
        data: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      }),
    ).to.deep.equal({
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
      datatype: 'FP32',
      shape: [2, 3],
    })
  })

  it('reads a bare number as a scalar', () => {
    expect(decode({data: 16_000, datatype: 'INT64'})).to.deep.equal({
      data: BigInt64Array.of(16_000n),
      datatype: 'INT64',
      shape: [],
    })
    expect(decode({data: 1, shape: [1, 1]}).shape).to.deep.equal([1, 1])
  })

  it('takes empty tensors', () => {
    expect(decode({data: [], shape: [0, 4]}).data).to.have.length(0)
  })

  it('says what a shape and the data do not agree on', () => {
    errorOf(
      () => decode({data: [1, 2, 3], shape: [2, 2]}),
      'SHAPE_MISMATCH',
      'inputs.x.data has 3 elements but the shape [2,2] takes 4',
    )
    errorOf(
      () =>
        decode({
          data: [
            [1, 2],
            [3, 4],
          ],
          shape: [4],
        }),
      'SHAPE_MISMATCH',
      'inputs.x.data is nested as [2,2] but the shape is [4]',
    )
    errorOf(
      () => decode({data: [[1, 2], [3]]}),
      'SHAPE_MISMATCH',
      'inputs.x.data[1] has 1 elements where the others have 2',
    )
    errorOf(
      () => decode({data: [[1, 2], 3]}),
      'SHAPE_MISMATCH',
      'inputs.x.data[1] is 3 where the shape takes a row of 2',
    )
    errorOf(
      () => decode({data: [1, [2]]}),
      'INVALID_ARGUMENT',
      /inputs\.x\.data\[1\] is an array of 1 element, it must be a number/,
    )
  })

  it('refuses what is not a shape', () => {
    errorOf(() => decode({data: [1], shape: 'x'}), 'INVALID_ARGUMENT', /inputs\.x\.shape is "x", it must be an array/)
    errorOf(
      () => decode({data: [1], shape: [1, -1]}),
      'INVALID_ARGUMENT',
      'inputs.x.shape[1] is -1, it must be a whole number, 0 or more',
    )
    errorOf(() => decode({data: [1], shape: [1.5]}), 'INVALID_ARGUMENT', /shape\[0\] is 1.5/)
    errorOf(() => decode({data: [1], shape: [2 ** 30, 2 ** 30]}), 'INVALID_ARGUMENT', /too many elements/)
    errorOf(() => decode({data: [1], shape: Array.from({length: 65}, () => 1)}), 'INVALID_ARGUMENT', /65 dimensions/)
  })

  it('does not follow a hostile nesting', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown
    errorOf(() => decode({data: deep}), 'INVALID_ARGUMENT', /is an array of 1 element, it must be a number/)
  })

  it('names the nearest datatype', () => {
    const error = errorOf(
      () => decode({data: [1], datatype: 'FP23'}),
      'INVALID_ARGUMENT',
      'inputs.x.datatype is "FP23", which is not a datatype',
    )
    expect(error.suggestions[0]).to.match(/^did you mean "FP/)
    for (const [name, datatype] of [
      ['fp32', 'FP32'],
      ['float32', 'FP32'],
      ['f16', 'FP16'],
      ['bfloat16', 'BF16'],
      ['i64', 'INT64'],
      ['u8', 'UINT8'],
    ] as const) {
      const {suggestions} = errorOf(() => decode({data: [1], datatype: name}), 'INVALID_ARGUMENT', /./)
      expect(suggestions[0]).to.equal(`did you mean "${datatype}"?`)
    }

    errorOf(() => decode({data: [1], datatype: 'toString'}), 'INVALID_ARGUMENT', /not a datatype/)
  })

  it('refuses numbers beyond the range of their datatype', () => {
    errorOf(
      () => decode({data: [256], datatype: 'UINT8'}),
      'INVALID_ARGUMENT',
      'inputs.x.data[0] is 256, but UINT8 takes 0…255',
    )
    errorOf(
      () => decode({data: [0, -129], datatype: 'INT8'}),
      'INVALID_ARGUMENT',
      /data\[1\] is -129, but INT8 takes -128…127/,
    )
    errorOf(
      () => decode({data: [-1], datatype: 'UINT64'}),
      'INVALID_ARGUMENT',
      /data\[0\] is -1, but UINT64 takes 0…18446744073709551615/,
    )
    errorOf(
      () => decode({data: [3.5e38]}),
      'INVALID_ARGUMENT',
      'inputs.x.data[0] is 3.5e+38, beyond what FP32 can hold',
    )
    errorOf(() => decode({data: [Infinity], datatype: 'FP64'}), 'INVALID_ARGUMENT', /beyond what FP64 can hold/)
    errorOf(
      () => decode({data: [2], datatype: 'BOOL'}),
      'INVALID_ARGUMENT',
      /data\[0\] is 2, a BOOL is true, false, 0 or 1/,
    )
  })

  it('takes the greatest float32 and everything that rounds to it', () => {
    const greatest = 3.4028234663852886e38
    expect(decode({data: [greatest, -greatest, 3.4028235e38]}).data).to.deep.equal(
      Float32Array.of(greatest, -greatest, greatest),
    )
    errorOf(() => decode({data: [2 ** 128 - 2 ** 103]}), 'INVALID_ARGUMENT', /beyond what FP32 can hold/)
  })

  it('refuses fractions in integer tensors', () => {
    errorOf(
      () => decode({data: [1, 2.5], datatype: 'INT32'}),
      'INVALID_ARGUMENT',
      /data\[1\] is 2\.5: not a whole number/,
    )
    const error = errorOf(() => decode({data: [0.5], datatype: 'FP16'}), 'INVALID_ARGUMENT', /data\[0\] is 0\.5/)
    expect(error.suggestions[0]).to.contain('bit patterns')
  })

  it('refuses what is not a number, naming index and value', () => {
    errorOf(() => decode({data: [1, '2']}), 'INVALID_ARGUMENT', 'inputs.x.data[1] is "2", it must be a number')
    errorOf(() => decode({data: [[1], [null]]}), 'INVALID_ARGUMENT', 'inputs.x.data[1][0] is null, it must be a number')
    errorOf(() => decode({data: [true], datatype: 'INT64'}), 'INVALID_ARGUMENT', /is true, it must be a number/)
    errorOf(() => decode({}), 'INVALID_ARGUMENT', 'inputs.x.data is missing')
    errorOf(() => decode({data: {}}), 'INVALID_ARGUMENT', /is an object, it must be an array/)
  })

  it('takes non-finite numbers as strings only where that is asked for', () => {
    const data = ['NaN', 'Infinity', '-Infinity', 1]
    expect(decode({data}, {nonFinite: 'string'}).data).to.deep.equal(Float32Array.of(NaN, Infinity, -Infinity, 1))
    const error = errorOf(
      () => decode({data}),
      'INVALID_ARGUMENT',
      'inputs.x.data[0] is "NaN": non-finite values are refused',
    )
    expect(error.suggestions).to.deep.equal(['--nonfinite string accepts them'])
    errorOf(() => decode({data: ['nan']}, {nonFinite: 'string'}), 'INVALID_ARGUMENT', /must be a number/)
    errorOf(
      () => decode({data: ['NaN'], datatype: 'INT32'}, {nonFinite: 'string'}),
      'INVALID_ARGUMENT',
      /must be a number/,
    )
  })

  it('asks for exact integers where a 64-bit tensor may have lost some', () => {
    expect(() => decode({data: [2 ** 53], datatype: 'INT64'})).to.throw(NeedsExactIntegers)
    expect(decode({data: [2n ** 63n - 1n, 5], datatype: 'INT64'}, {exact: true}).data).to.deep.equal(
      BigInt64Array.of(2n ** 63n - 1n, 5n),
    )
    errorOf(
      () => decode({data: [2n ** 63n], datatype: 'INT64'}, {exact: true}),
      'INVALID_ARGUMENT',
      /is 9223372036854775808, but INT64/,
    )
    errorOf(
      () => decode({data: [1e18], datatype: 'INT64'}, {exact: true}),
      'INVALID_ARGUMENT',
      /written as a plain integer/,
    )
  })

  it('reads bigints of an exactly parsed line in tensors of any datatype', () => {
    expect(decode({data: [2n ** 60n]}, {exact: true}).data).to.deep.equal(Float32Array.of(2 ** 60))
    errorOf(
      () => decode({data: [2n ** 60n], datatype: 'INT32'}, {exact: true}),
      'INVALID_ARGUMENT',
      /is 1152921504606846976, but INT32/,
    )
  })

  for (const datatype of DATATYPES) {
    it(`keeps every ${datatype} value, flat or nested`, () => {
      const {kind, max, min} = DATATYPE_INFO[datatype]
      const element =
        kind === 'float'
          ? datatype === 'FP32'
            ? fc.float({noDefaultInfinity: true, noNaN: true})
            : fc.double({noDefaultInfinity: true, noNaN: true})
          : fc
              .bigInt({max: BigInt(max), min: BigInt(min)})
              .map((value) => (kind === 'integer64' ? value : Number(value)))
      const matrix = fc.tuple(fc.integer({max: 4, min: 1}), fc.integer({max: 4, min: 1})).chain(([rows, columns]) =>
        fc.array(fc.array<bigint | number>(element, {maxLength: columns, minLength: columns}), {
          maxLength: rows,
          minLength: rows,
        }),
      )
      fc.assert(
        fc.property(matrix, (rows) => {
          const shape = [rows.length, rows[0]!.length]
          const nested = decode({data: rows, datatype}, {exact: true})
          const flat = decode({data: rows.flat(), datatype, shape}, {exact: true})
          expect(nested).to.deep.equal(flat)
          expect(nested.shape).to.deep.equal(shape)
          expect([...(nested.data as Iterable<bigint | number>)].map(String)).to.deep.equal(rows.flat().map(String))
        }),
      )
    })
  }
})
