import {expect} from 'chai'
import {mkdir, readdir, readFile, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {installFolder} from '../../../src/core/install/folder.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('installFolder', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))
  const target = () => path.join(folder, 'thing')
  const fillWith = (text: string) => async (staging: string) => writeFile(path.join(staging, 'file'), text)
  const content = async () => readFile(path.join(target(), 'file'), 'utf8')

  it('puts the filled folder in place', async () => {
    await installFolder(target(), fillWith('new'))
    expect(await content()).to.equal('new')
    expect(await readdir(folder)).to.deep.equal(['thing'])
  })

  it('replaces what was there', async () => {
    await installFolder(target(), fillWith('old'))
    await installFolder(target(), fillWith('new'))
    expect(await content()).to.equal('new')
    expect(await readdir(folder)).to.deep.equal(['thing'])
  })

  it('leaves what was there alone when filling fails', async () => {
    await installFolder(target(), fillWith('old'))
    const failure = new Error('disk full')
    const caught = await installFolder(target(), async (staging) => {
      await writeFile(path.join(staging, 'file'), 'half')
      throw failure
    }).catch((error: unknown) => error)
    expect(caught).to.equal(failure)
    expect(await content()).to.equal('old')
    expect(await readdir(folder)).to.deep.equal(['thing'])
  })

  it('removes what an interrupted run left behind', async () => {
    await mkdir(path.join(folder, '.thing.partial-1234'))
    await writeFile(path.join(folder, '.thing.partial-1234', 'file'), 'half')
    await installFolder(target(), fillWith('new'))
    expect(await readdir(folder)).to.deep.equal(['thing'])
  })

  it('puts a former version back whose replacement never arrived', async () => {
    await installFolder(target(), fillWith('old'))
    await rename(target(), path.join(folder, '.thing.old-1234'))
    await installFolder(target(), async () => {
      throw new Error('again')
    }).catch(() => null)
    expect(await content()).to.equal('old')
  })

  it('leaves other folders alone', async () => {
    await mkdir(path.join(folder, '.thing2.partial-1234'))
    await installFolder(target(), fillWith('new'))
    expect(await readdir(folder)).to.have.members(['thing', '.thing2.partial-1234'])
  })
})
