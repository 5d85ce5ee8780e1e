import {expect} from 'chai'
import {mkdir, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {NpuBridgeError} from '../../../src/core/errors.ts'
import {asStorageError, withStorageErrors} from '../../../src/core/install/storage-error.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {onTmpfs} from '../../support/tmpfs.ts'

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), {code, path: '/data/npubridge/x'})
}

describe('storage errors', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  for (const [code, expected, why] of [
    ['ENOSPC', 'RESOURCE_EXHAUSTED', 'no space is left'],
    ['EDQUOT', 'RESOURCE_EXHAUSTED', 'quota'],
    ['EROFS', 'CONFIG_INVALID', 'read-only'],
    ['EACCES', 'CONFIG_INVALID', 'may not write'],
    ['EPERM', 'CONFIG_INVALID', 'may not write'],
    ['ENOTDIR', 'CONFIG_INVALID', 'a file is where a folder should be'],
  ] as const) {
    it(`say what ${code} means, where, and what to do`, () => {
      const error = asStorageError(systemError(code), '/data/npubridge')
      expect(error.code).to.equal(expected)
      expect(error.message).to.contain('/data/npubridge/x').and.to.contain(why).and.to.contain(code)
      expect(error.suggestions.join('\n')).to.contain('NPUBRIDGE_HOME')
    })
  }

  it('leave other errors what they are', () => {
    const own = new NpuBridgeError('CANCELLED', 'stop')
    expect(asStorageError(own, '/data')).to.equal(own)
    expect(asStorageError(new TypeError('bug'), '/data').code).to.equal('INTERNAL')
  })

  it('explain a file in the way of a folder', async () => {
    await writeFile(path.join(folder, 'models'), '')
    const work = withStorageErrors(folder, async () => mkdir(path.join(folder, 'models', 'x'), {recursive: true}))
    expect(await failureOf(work)).to.include({code: 'CONFIG_INVALID'})
  })

  it('explain a real disk that is full', async function () {
    await onTmpfs(folder, 'size=64k', this, async () => {
      const error = await failureOf(writeMuch(folder))
      expect(error.code).to.equal('RESOURCE_EXHAUSTED')
      expect(error.message).to.contain('no space is left')
    })
  })

  it('explain a real file system that is read-only', async function () {
    await onTmpfs(folder, 'ro', this, async () => {
      const error = await failureOf(writeMuch(folder))
      expect(error.code).to.equal('CONFIG_INVALID')
      expect(error.message).to.contain(folder).and.to.contain('EROFS')
    })
  })
})

async function writeMuch(folder: string): Promise<void> {
  await withStorageErrors(folder, async () => writeFile(path.join(folder, 'file'), 'y'.repeat(200_000)))
}
