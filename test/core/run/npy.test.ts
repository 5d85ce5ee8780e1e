import {expect} from 'chai'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {readFileSync} from 'node:fs'
import path from 'node:path'

import type {Datatype, TensorData} from '../../../src/core/engine/engine.ts'

import {DATATYPE_INFO, elementCount} from '../../../src/core/run/datatypes.ts'
import {elementsFromBytes, encodeNpy, readNpyHeader, rowMajor} from '../../../src/core/run/npy.ts'
import {errorOf} from './expect-error.ts'

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/npy')
const fixture = (name: string): Buffer => readFileSync(path.join(FIXTURES, name))

function decode(bytes: Buffer): {data: TensorData; datatype: Datatype; shape: readonly number[]} {
  const {bigEndian, dataOffset, datatype, fortranOrder, shape} = readNpyHeader(bytes, 'x.npy')
  const data = elementsFromBytes(bytes.subarray(dataOffset), datatype, bigEndian)
  return {data: fortranOrder ? rowMajor(data, shape, datatype) : data, datatype, shape}
}

/** An .npy file with any header. */
function npy(header: string, version = 1): Buffer {
  const text = `${header}\n`
  const length = Buffer.alloc(version === 1 ? 2 : 4)
  if (version === 1) length.writeUInt16LE(text.length)
  else length.writeUInt32LE(text.length)
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([version, 0]),
    length,
    Buffer.from(text),
  ])
}

describe('readNpyHeader and elementsFromBytes', () => {
  const quarters = Float32Array.from({length: 24}, (_, index) => index / 4)

  // Written by NumPy itself.
  for (const name of ['float32-v1.npy', 'float32-v2.npy', 'float32-v3.npy', 'float32-fortran.npy']) {
    it(`reads ${name} as NumPy wrote it`, () => {
      expect(decode(fixture(name))).to.deep.equal({data: quarters, datatype: 'FP32', shape: [2, 3, 4]})
    })
  }

  it('reads big-endian files', () => {
    expect(decode(fixture('int32-big-endian.npy'))).to.deep.equal({
      data: Int32Array.of(1, -2, 3, 2 ** 31 - 1, -(2 ** 31), 0),
      datatype: 'INT32',
      shape: [2, 3],
    })
    expect(decode(fixture('float64-big-endian-fortran.npy')).data).to.deep.equal(Float64Array.of(0, 1, 2, 3, 4, 5))
  })

  it('reads 64-bit integers exactly, FP16 as its bit patterns, and scalars', () => {
    expect(decode(fixture('int64.npy')).data).to.deep.equal(
      BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n),
    )
    expect(decode(fixture('float16.npy'))).to.deep.equal({
      data: Uint16Array.of(0x3c_00, 0xc1_00, 0x7b_ff, 0x7c_00),
      datatype: 'FP16',
      shape: [4],
    })
    expect(decode(fixture('bool.npy')).data).to.deep.equal(Uint8Array.of(1, 0, 1))
    expect(decode(fixture('scalar.npy'))).to.deep.equal({data: BigInt64Array.of(16_000n), datatype: 'INT64', shape: []})
  })

  it('reads headers of old and other writers', () => {
    const header = readNpyHeader(npy('{"shape": (3L, 2L), "fortran_order": False, "descr": "<f4"}'), 'x.npy')
    expect(header).to.include({bigEndian: false, datatype: 'FP32', fortranOrder: false})
    expect(header.shape).to.deep.equal([3, 2])
  })

  it('refuses elements that no tensor has, and names them', () => {
    errorOf(() => decode(fixture('complex.npy')), 'INVALID_ARGUMENT', /x\.npy has elements of type <c8/)
    errorOf(() => decode(fixture('record.npy')), 'INVALID_ARGUMENT', /x\.npy has elements of type a record/)
    errorOf(
      () => decode(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")),
      'INVALID_ARGUMENT',
      /elements of type \|O/,
    )
  })

  it('refuses what is not .npy, of an unknown version, or broken', () => {
    errorOf(() => decode(Buffer.from('RIFF0000WAVEfmt ')), 'INVALID_ARGUMENT', /is not an \.npy file/)
    errorOf(() => decode(Buffer.alloc(0)), 'INVALID_ARGUMENT', /is not an \.npy file/)
    errorOf(() => decode(npy('{}', 4)), 'INVALID_ARGUMENT', /is \.npy version 4/)
    errorOf(() => decode(npy("{'descr': '<f4', }   ")), 'INVALID_ARGUMENT', /without order or shape/)
    errorOf(() => decode(fixture('float32-v1.npy').subarray(0, 60)), 'INVALID_ARGUMENT', /ends within its \.npy header/)
    const header = (shape: string) => npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`)
    errorOf(() => decode(header('-1,')), 'INVALID_ARGUMENT', /has the shape \(-1,\), which is not one/)
    errorOf(() => decode(header('99999999999, 99999999999')), 'INVALID_ARGUMENT', /which is not one/)
    const huge = npy('{}', 2)
    huge.writeUInt32LE(0xff_ff_ff_ff, 8)
    errorOf(() => decode(huge), 'INVALID_ARGUMENT', /header of 4294967307 bytes, which is not credible/)
  })
})

describe('encodeNpy', () => {
  it('writes what NumPy writes', () => {
    const bytes = fixture('float32-v1.npy')
    expect(encodeNpy(decode(bytes)).equals(bytes)).to.equal(true)
    expect(encodeNpy(decode(fixture('scalar.npy'))).equals(fixture('scalar.npy'))).to.equal(true)
    expect(encodeNpy(decode(fixture('float16.npy'))).equals(fixture('float16.npy'))).to.equal(true)
    expect(encodeNpy(decode(fixture('bool.npy'))).equals(fixture('bool.npy'))).to.equal(true)
  })

  it('aligns the data to 64 bytes, and takes version 3 for a header too long for version 1', () => {
    const shape = Array.from({length: 30_000}, () => 1)
    const bytes = encodeNpy({data: Float32Array.of(7), shape})
    expect(bytes[6]).to.equal(3)
    const header = readNpyHeader(bytes, 'x.npy')
    expect(header.shape).to.deep.equal(shape)
    expect(header.dataOffset % 64).to.equal(0)
    expect(decode(bytes).data).to.deep.equal(Float32Array.of(7))
  })

  it('writes BF16 as the 16-bit patterns it is', () => {
    expect(decode(encodeNpy({data: Uint16Array.of(1, 2), datatype: 'BF16', shape: [2]})).datatype).to.equal('UINT16')
  })

  const tensors = fc
    .tuple(
      fc.constantFrom<Datatype>('BOOL', 'UINT8', 'INT16', 'INT64', 'UINT64', 'FP16', 'FP32', 'FP64'),
      fc.array(fc.integer({max: 4, min: 0}), {maxLength: 4}),
    )
    .chain(([datatype, shape]) => {
      const size = elementCount(shape) * DATATYPE_INFO[datatype].bytes
      return fc.uint8Array({maxLength: size, minLength: size}).map((bytes) => ({
        data: DATATYPE_INFO[datatype].view(Uint8Array.from(bytes).buffer, 0, elementCount(shape)),
        datatype,
        shape,
      }))
    })
  const bitsOf = ({buffer, byteLength, byteOffset}: TensorData) => Buffer.from(buffer, byteOffset, byteLength)

  it('gives back any tensor bit by bit, from buffers of any alignment', () => {
    fc.assert(
      fc.property(tensors, fc.nat({max: 9}), (tensor, shift) => {
        const bytes = Buffer.concat([Buffer.alloc(shift), encodeNpy(tensor)]).subarray(shift)
        const decoded = decode(bytes)
        expect(decoded.datatype).to.equal(tensor.datatype)
        expect(decoded.shape).to.deep.equal(tensor.shape)
        expect(bitsOf(decoded.data).equals(bitsOf(tensor.data))).to.equal(true)
      }),
    )
  })

  it('reorders column-major data so that every element keeps its index', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({max: 5, min: 1}), {maxLength: 4}), (shape) => {
        const count = elementCount(shape)
        const columnMajor = Float64Array.from({length: count}, (_, index) => index)
        const reordered = rowMajor(columnMajor, shape, 'FP64')
        for (let offset = 0; offset < count; offset++) {
          let rest = offset
          const index = shape.toReversed().map((size) => {
            const at = rest % size
            rest = (rest - at) / size
            return at
          })
          let from = 0
          let stride = 1
          for (const [axis, at] of index.toReversed().entries()) {
            from += at * stride
            stride *= shape[axis]!
          }

          expect(reordered[offset]).to.equal(from)
        }
      }),
    )
  })
})
