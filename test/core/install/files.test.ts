import {expect} from 'chai'
import {createHash} from 'node:crypto'
import {rm, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {hashProblem, readHead, sizeProblem, totalBytes} from '../../../src/core/install/files.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('installed files', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
    await writeFile(file(), 'hello')
  })

  afterEach(async () => removeFolder(folder))
  const files = [{path: 'a', sha256: createHash('sha256').update('hello').digest('hex'), bytes: 5}]
  const file = () => path.join(folder, 'a')

  it('are as they were', async () => {
    expect(await sizeProblem(folder, files)).to.equal(null)
    expect(await hashProblem(folder, files)).to.equal(null)
    expect(totalBytes(files)).to.equal(5)
  })

  it('are missed', async () => {
    await rm(file())
    expect(await sizeProblem(folder, files)).to.equal('a is missing')
  })

  it('are found cut off', async () => {
    await writeFile(file(), 'hel')
    expect(await hashProblem(folder, files)).to.equal('a has 3 bytes, 5 were installed')
  })

  it('are found changed', async () => {
    await writeFile(file(), 'hallo')
    expect(await sizeProblem(folder, files)).to.equal(null)
    expect(await hashProblem(folder, files)).to.equal('a has another content than was installed')
  })

  it('show their first bytes, even when they have fewer', async () => {
    const decoder = new TextDecoder()
    const [three, all] = await Promise.all([readHead(file(), 3), readHead(file(), 99)])
    expect(decoder.decode(three)).to.equal('hel')
    expect(decoder.decode(all)).to.equal('hello')
  })
})
