import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {sha256File} from '../../../src/core/download/sha256.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('sha256File', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  it('agrees with the test vector of FIPS 180-2', async () => {
    const file = path.join(folder, 'abc')
    await writeFile(file, 'abc')
    expect(await sha256File(file)).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
