import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {execFileSync} from 'node:child_process'
import {mkdirSync, readFileSync, utimesSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import type {Tensor} from '../../../src/core/engine/engine.ts'
import type {FileReference} from '../../../src/core/run/file-layout.ts'

import {encodeNpy} from '../../../src/core/run/npy.ts'
import {TensorFiles} from '../../../src/core/run/tensor-files.ts'
import {rejectionOf} from './expect-error.ts'
import {temporaryFolder} from './temporary-folder.ts'
import {pcm16, wavFile} from './wav-file.ts'

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/npy')
const MINUTE_AGO = new Date(Date.now() - 60_000)

describe('TensorFiles', () => {
  const folder = temporaryFolder()

  /** Writes a file that was last changed a minute ago, as files of earlier runs are. */
  function write(name: string, bytes: Uint8Array): void {
    writeFileSync(path.join(folder(), name), bytes)
    utimesSync(path.join(folder(), name), MINUTE_AGO, MINUTE_AGO)
  }

  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)
  const open = (options: {cacheBytes?: number; wholeBytes?: number} = {}) =>
    new TensorFiles({folder: folder(), ...options})
  const read = async (reference: FileReference, files = open()) => files.read(reference, 'inputs.x')
  const tensorOf = async (reference: FileReference, files = open()): Promise<Tensor> =>
    (await read(reference, files)).tensor

  it('reads .npy files as they are, also in column-major order', async () => {
    const expected = {
      data: Float32Array.from({length: 24}, (_, index) => index / 4),
      datatype: 'FP32',
      shape: [2, 3, 4],
    }
    expect(await tensorOf({file: path.join(FIXTURES, 'float32-v1.npy')})).to.deep.equal(expected)
    expect(await tensorOf({file: path.join(FIXTURES, 'float32-fortran.npy')})).to.deep.equal(expected)
  })

  it('gives an .npy file another shape of the same size', async () => {
    const tensor = await tensorOf({file: path.join(FIXTURES, 'float32-v1.npy'), shape: [24]})
    expect(tensor.shape).to.deep.equal([24])
  })

  it('reads raw little-endian files with shape and datatype', async () => {
    write('x.bin', floats(1, 2, 3, 4))
    expect(await tensorOf({datatype: 'FP32', file: 'x.bin', shape: [2, 2]})).to.deep.equal({
      data: Float32Array.of(1, 2, 3, 4),
      datatype: 'FP32',
      shape: [2, 2],
    })
    expect((await tensorOf({datatype: 'UINT8', file: 'x.bin', shape: [16]})).data).to.have.length(16)
  })

  it('reads WAV files as FP32', async () => {
    write('x.WAV', wavFile(pcm16([16_384, -32_768])))
    expect(await tensorOf({file: 'x.WAV'})).to.deep.equal({
      data: Float32Array.of(0.5, -1),
      datatype: 'FP32',
      shape: [2],
    })
  })

  it('cuts windows, with zeros in front of a negative offset', async () => {
    write('x.bin', floats(1, 2, 3, 4, 5))
    const window = async (offset: number, count: number, pad?: boolean) => [
      ...((await tensorOf({datatype: 'FP32', file: 'x.bin', offset, shape: [1, count], ...(pad && {pad})}))
        .data as Float32Array),
    ]
    expect(await window(0, 2)).to.deep.equal([1, 2])
    expect(await window(3, 2)).to.deep.equal([4, 5])
    expect(await window(-2, 4)).to.deep.equal([0, 0, 1, 2])
    expect(await window(-4, 2)).to.deep.equal([0, 0])
    expect(await window(4, 3, true)).to.deep.equal([5, 0, 0])
    expect(await window(9, 2, true)).to.deep.equal([0, 0])
    expect(await window(-1, 7, true)).to.deep.equal([0, 1, 2, 3, 4, 5, 0])
  })

  it('pads a whole file that is too short', async () => {
    write('x.bin', floats(1, 2))
    expect((await tensorOf({datatype: 'FP32', file: 'x.bin', pad: true, shape: [4]})).data).to.deep.equal(
      Float32Array.of(1, 2, 0, 0),
    )
  })

  it('refuses a window past the end unless it may be padded', async () => {
    write('x.bin', floats(1, 2, 3))
    const error = await rejectionOf(
      read({datatype: 'FP32', file: 'x.bin', offset: 2, shape: [2]}),
      'SHAPE_MISMATCH',
      /inputs\.x\.offset 2 and shape \[2\] end at element 4, but .*x\.bin has 3/,
    )
    expect(error.suggestions[0]).to.contain('"pad": true')
  })

  it('refuses a shape of another size than the file', async () => {
    write('x.bin', floats(1, 2, 3))
    await rejectionOf(
      read({datatype: 'FP32', file: 'x.bin', shape: [2]}),
      'SHAPE_MISMATCH',
      /inputs\.x\.shape is \[2\], 2 elements, but .*x\.bin has 3/,
    )
    write('x.wav', wavFile(pcm16([1, 2])))
    await rejectionOf(read({file: 'x.wav', offset: 1}), 'INVALID_ARGUMENT', /inputs\.x\.shape is missing/)
  })

  it('refuses a datatype that the file does not have, bit patterns in UINT16 aside', async () => {
    write('x.npy', encodeNpy({data: Uint16Array.of(0x3c_00), shape: [1]}))
    expect((await tensorOf({datatype: 'FP16', file: 'x.npy'})).datatype).to.equal('FP16')
    expect((await tensorOf({datatype: 'BF16', file: 'x.npy'})).datatype).to.equal('BF16')
    await rejectionOf(
      read({datatype: 'FP32', file: 'x.npy'}),
      'DTYPE_MISMATCH',
      /inputs\.x\.datatype is FP32, but .*x\.npy is read as UINT16/,
    )
  })

  it('says which file is missing, unreadable, no file, or of the wrong size', async () => {
    const gone = await rejectionOf(
      read({file: 'gone.npy'}),
      'INVALID_ARGUMENT',
      /inputs\.x\.file .*gone\.npy does not exist/,
    )
    expect(gone.suggestions[0]).to.contain('relative to the folder')
    mkdirSync(path.join(folder(), 'd.npy'))
    await rejectionOf(read({file: 'd.npy'}), 'INVALID_ARGUMENT', /d\.npy is not a regular file/)
    write('x.bin', Buffer.alloc(7))
    await rejectionOf(
      read({datatype: 'FP32', file: 'x.bin', shape: [1]}),
      'SHAPE_MISMATCH',
      /x\.bin has 7 bytes, not a multiple of the 4 of FP32/,
    )
    await rejectionOf(read({file: 'x.bin', shape: [1]}), 'INVALID_ARGUMENT', /inputs\.x\.datatype is missing/)
    await rejectionOf(read({datatype: 'FP32', file: 'x.bin'}), 'INVALID_ARGUMENT', /inputs\.x\.shape is missing/)
  })

  it('never waits for a pipe', async () => {
    execFileSync('mkfifo', [path.join(folder(), 'x.bin')])
    await rejectionOf(read({datatype: 'UINT8', file: 'x.bin', shape: [1]}), 'INVALID_ARGUMENT', /not a regular file/)
  })

  it('refuses an .npy file that is cut off or longer than it says', async () => {
    const bytes = readFileSync(path.join(FIXTURES, 'float32-v1.npy'))
    write('short.npy', bytes.subarray(0, -1))
    write('long.npy', Buffer.concat([bytes, Buffer.alloc(1)]))
    await rejectionOf(
      read({file: 'short.npy'}),
      'INVALID_ARGUMENT',
      /short\.npy is cut off: 95 bytes of data where \[2,3,4\] FP32 takes 96/,
    )
    await rejectionOf(read({file: 'long.npy'}), 'INVALID_ARGUMENT', /long\.npy is longer than its header says/)
  })

  it('reads a file once for all its windows', async () => {
    write('x.wav', wavFile(pcm16(Array.from({length: 1000}, (_, index) => index))))
    const files = open()
    for (let offset = 0; offset < 900; offset += 10) {
      const {data} = await tensorOf({file: 'x.wav', offset, shape: [1, 100]}, files)
      expect(data[0]).to.equal(offset / 32_768)
    }

    expect(files.reads).to.equal(1)
  })

  it('reads a file again when it changed', async () => {
    const files = open()
    write('x.bin', floats(1))
    const reference: FileReference = {datatype: 'FP32', file: 'x.bin', shape: [1]}
    expect((await tensorOf(reference, files)).data).to.deep.equal(Float32Array.of(1))
    write('x.bin', floats(2))
    expect((await tensorOf(reference, files)).data).to.deep.equal(Float32Array.of(2))
  })

  it('does not trust the time stamp of a file that was changed just now', async () => {
    const files = open()
    const file = path.join(folder(), 'x.bin')
    writeFileSync(file, floats(1))
    const reference: FileReference = {datatype: 'FP32', file: 'x.bin', shape: [1]}
    await read(reference, files)
    await read(reference, files)
    expect(files.reads).to.equal(2)
  })

  it('keeps no more than its budget, and forgets what was used longest ago', async () => {
    for (const name of ['a.bin', 'b.bin', 'c.bin']) write(name, floats(1, 2, 3, 4))
    const files = open({cacheBytes: 32})
    const use = async (name: string) => tensorOf({datatype: 'FP32', file: name, shape: [4]}, files)
    for (const name of ['a.bin', 'b.bin', 'a.bin', 'c.bin']) await use(name)
    expect(files.reads).to.equal(3)
    await use('a.bin')
    expect(files.reads).to.equal(3)
    await use('b.bin')
    expect(files.reads).to.equal(4)
  })

  it('reads only the windows of a file that is too large to keep', async () => {
    const files = open({wholeBytes: 64})
    write('x.bin', floats(...Array.from({length: 100}, (_, index) => index)))
    write('x.wav', wavFile(pcm16(Array.from({length: 100}, (_, index) => index))))
    write('x.npy', encodeNpy({data: BigInt64Array.from({length: 100}, (_, index) => BigInt(index)), shape: [100]}))
    const window = {offset: 98, pad: true, shape: [4]}
    expect((await tensorOf({...window, datatype: 'FP32', file: 'x.bin'}, files)).data).to.deep.equal(
      Float32Array.of(98, 99, 0, 0),
    )
    expect((await tensorOf({...window, file: 'x.wav'}, files)).data).to.deep.equal(
      Float32Array.of(98 / 32_768, 99 / 32_768, 0, 0),
    )
    expect((await tensorOf({...window, file: 'x.npy'}, files)).data).to.deep.equal(BigInt64Array.of(98n, 99n, 0n, 0n))
    expect((await tensorOf({file: 'x.npy', offset: -1, shape: [2]}, files)).data).to.deep.equal(
      BigInt64Array.of(0n, 0n),
    )
  })

  it('says that a column-major file too large to keep cannot be read', async () => {
    const files = open({wholeBytes: 64})
    const rowMajor = encodeNpy({data: new Float32Array(2 * 262_144), shape: [2, 262_144]})
    write('large.npy', Buffer.from(rowMajor.toString('latin1').replace('False', 'True '), 'latin1'))
    const error = await rejectionOf(
      read({file: 'large.npy'}, files),
      'INVALID_ARGUMENT',
      /is column-major and too large/,
    )
    expect(error.suggestions[0]).to.contain('ascontiguousarray')
  })

  it('tells whether the buffer is used by others', async () => {
    write('x.bin', floats(1, 2, 3))
    const files = open()
    const reference = {datatype: 'FP32', file: 'x.bin', offset: 0} as const
    expect((await read({...reference, shape: [2]}, files)).owned).to.equal(false)
    expect((await read({...reference, pad: true, shape: [5]}, files)).owned).to.equal(true)
  })
})
