import {expect} from 'chai'
import {existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {encodeNpy} from '../../../src/core/run/npy.ts'
import {fileNamePart, TensorStore} from '../../../src/core/run/tensor-store.ts'
import {rejectionOf} from './expect-error.ts'
import {tensor} from './fake-engine.ts'
import {temporaryFolder} from './temporary-folder.ts'

describe('TensorStore', () => {
  const folder = temporaryFolder()
  const output = (value: number) => ({output: tensor(Float32Array.of(value, NaN), 'FP32', [1, 2])})

  it('saves each tensor as an .npy file and tells its name, shape and datatype', async () => {
    const target = path.join(folder(), 'a', 'b')
    const store = await TensorStore.open(target)
    const file = path.join(target, '17.output.npy')
    expect(await store.save(17, output(1))).to.deep.equal({output: {datatype: 'FP32', file, shape: [1, 2]}})
    expect(readFileSync(file).equals(encodeNpy(output(1).output))).to.equal(true)
    expect(readdirSync(target)).to.deep.equal(['17.output.npy'])
  })

  it('never writes over another result of the same run', async () => {
    const store = await TensorStore.open(folder())
    const names = await Promise.all([1, 2, 3, 4].map(async (value) => store.save('same', output(value))))
    const later = await store.save('same', output(5))
    const files = [...names, later].map(({output: saved}) => path.basename(saved!.file))
    expect(files.toSorted()).to.deep.equal([
      'same.output.npy',
      'same~2.output.npy',
      'same~3.output.npy',
      'same~4.output.npy',
      'same~5.output.npy',
    ])
    for (const [index, name] of files.entries()) {
      expect(readFileSync(path.join(folder(), name)).equals(encodeNpy(output(index + 1).output))).to.equal(true)
    }
  })

  it('replaces what an earlier run left', async () => {
    const file = path.join(folder(), 'a.output.npy')
    writeFileSync(file, 'old')
    utimesSync(file, new Date(2020, 1), new Date(2020, 1))
    const store = await TensorStore.open(folder())
    await store.save('a', output(1))
    expect(readdirSync(folder())).to.deep.equal(['a.output.npy'])
    expect(readFileSync(file).equals(encodeNpy(output(1).output))).to.equal(true)
  })

  it('stays within its folder whatever ids and outputs are called', async () => {
    const target = path.join(folder(), 'inner')
    const store = await TensorStore.open(target)
    await store.save('../../evil', {'../x/y': tensor(Float32Array.of(1), 'FP32')})
    await store.save('', {'': tensor(Float32Array.of(1), 'FP32')})
    expect(readdirSync(target).toSorted()).to.deep.equal(['_._.._evil._._x_y.npy', '_._.npy'])
    expect(existsSync(path.join(folder(), 'evil.npy'))).to.equal(false)
  })

  it('says where it cannot write', async () => {
    writeFileSync(path.join(folder(), 'file'), '')
    await rejectionOf(
      TensorStore.open(path.join(folder(), 'file')),
      'INVALID_ARGUMENT',
      /--output-dir .*file cannot be written to/,
    )
    const store = await TensorStore.open(folder())
    mkdirSync(path.join(folder(), 'a.output.npy'))
    utimesSync(path.join(folder(), 'a.output.npy'), new Date(2020, 1), new Date(2020, 1))
    await rejectionOf(store.save('a', output(1)), 'RESOURCE_EXHAUSTED', /a\.output\.npy cannot be written/)
    expect(readdirSync(folder()).toSorted()).to.deep.equal(['a.output.npy', 'file'])
  })
})

describe('fileNamePart', () => {
  it('keeps letters of any script, digits, dots, hyphens and underscores', () => {
    expect(fileNamePart('mic-1_ä.日本')).to.equal('mic-1_ä.日本')
    expect(fileNamePart('a/b\\c:d*e\u{0}f g')).to.equal('a_b_c_d_e_f_g')
    expect(fileNamePart('.hidden')).to.equal('_hidden')
  })

  it('is never too long for a file system, and never ends within a character', () => {
    expect(fileNamePart('x'.repeat(1000))).to.have.length(100)
    expect(fileNamePart('日'.repeat(1000))).to.equal('日'.repeat(33))
  })
})
