import {expect} from 'chai'
import {rm, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {damageOf, locateLibrary, problemOf, versionOf} from '../../../src/core/runtime/library.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {fakeLibrary, fakeRuntime} from '../../support/runtime.ts'

describe('the OpenVINO library', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  async function problem() {
    const found = await locateLibrary(folder)
    return problemOf(found!)
  }

  it('has its version in its name', () => {
    expect(versionOf('libopenvino_c.so.2641')).to.equal('2026.4.1')
    expect(versionOf('libopenvino_c.so.2450')).to.equal('2024.5.0')
    expect(versionOf('libopenvino_c.so.26101')).to.equal('2026.10.1')
    expect(versionOf('libopenvino_c.2641.dylib')).to.equal('2026.4.1')
    expect(versionOf('libopenvino_c.so')).to.equal(null)
    expect(versionOf('openvino_c.dll')).to.equal(null)
  })

  it('is found where wheels, archives and distributions put it', async () => {
    for (const inner of ['.', 'libs', 'openvino/libs', 'runtime/lib/intel64', 'lib']) {
      const place = path.join(folder, inner.replaceAll('/', '-'))
      await fakeRuntime(path.join(place, inner))
      expect((await locateLibrary(place))?.folder, inner).to.equal(path.join(place, inner))
    }
  })

  it('is taken in its newest version', async () => {
    await fakeRuntime(folder, '2600')
    await fakeRuntime(folder, '2641')
    expect((await locateLibrary(folder))?.version).to.equal('2026.4.1')
  })

  it('is not there', async () => {
    expect(await locateLibrary(folder)).to.equal(null)
    expect(await locateLibrary(path.join(folder, 'nowhere'))).to.equal(null)
  })

  it('has no problem', async () => {
    await fakeRuntime(folder)
    expect(await problem()).to.equal(null)
  })

  it('is too old: both versions are named', async () => {
    await fakeRuntime(folder, '2450')
    expect(await problem())
      .to.contain('2024.5.0')
      .and.to.contain('2026.4.0')
  })

  it('lacks the core library beside it', async () => {
    await fakeRuntime(folder)
    await rm(path.join(folder, 'libopenvino.so.2641'))
    expect(await problem()).to.equal('libopenvino.so.2641 is missing')
  })

  it('is damaged: empty, no library, for another processor or cut off', async () => {
    const file = path.join(folder, 'libx.so')
    await writeFile(file, '')
    expect(await damageOf(file)).to.equal('libx.so is empty')
    await writeFile(file, 'hello')
    expect(await damageOf(file)).to.equal('libx.so is not a shared library')
    await writeFile(file, 'x'.repeat(200))
    expect(await damageOf(file)).to.equal('libx.so is not a shared library')
    const foreign = fakeLibrary()
    foreign.writeUInt16LE(8, 18)
    await writeFile(file, foreign)
    expect(await damageOf(file)).to.contain('another kind of processor')
    await writeFile(file, fakeLibrary().fill(0, 64))
    expect(await damageOf(file)).to.equal(null)
  })

  it('is found cut off by its table of sections', async () => {
    const whole = fakeLibrary(1000)
    whole.writeBigUInt64LE(900n, 40)
    whole.writeUInt16LE(64, 58)
    whole.writeUInt16LE(2, 60)
    const file = path.join(folder, 'libx.so')
    await writeFile(file, whole)
    expect(await damageOf(file)).to.equal(null)
    await truncate(file, 1000)
    expect(await damageOf(file)).to.equal('libx.so is cut off: it has 1000 bytes of at least 1028')
  })
})
