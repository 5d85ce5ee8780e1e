import {expect} from 'chai'
import {createHash} from 'node:crypto'
import {mkdir, readdir, readFile, stat, truncate, writeFile} from 'node:fs/promises'
import path from 'node:path'

import {unpack} from '../../../src/core/download/archive.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {onTmpfs} from '../../support/tmpfs.ts'
import {writeZip} from '../../support/zip.ts'

const all = (member: string) => member

describe('unpack', () => {
  let folder = ''
  let archive = ''
  let target = ''

  beforeEach(async () => {
    folder = await makeFolder()
    archive = path.join(folder, 'x.whl')
    target = path.join(folder, 'target')
  })

  afterEach(async () => removeFolder(folder))

  it('writes the wanted members under their new names and tells hash and size', async () => {
    await writeZip(archive, [
      {name: 'package/libs/a.so', content: 'aaa'},
      {name: 'package/libs/', content: ''},
      {name: 'package/b.py', content: 'b'},
    ])
    const select = (member: string) => (member.endsWith('.so') ? 'libs/a.so' : null)
    const files = await unpack(archive, target, {select, limitBytes: 3})
    const sha256 = createHash('sha256').update('aaa').digest('hex')
    expect(files).to.deep.equal([{path: 'libs/a.so', sha256, bytes: 3}])
    expect(await readFile(path.join(target, 'libs', 'a.so'), 'utf8')).to.equal('aaa')
    expect(await readdir(target)).to.deep.equal(['libs'])
  })

  it('reports bytes of the total', async () => {
    await writeZip(archive, [
      {name: 'a', content: 'aaa'},
      {name: 'b', content: 'bb'},
    ])
    const seen: number[][] = []
    const onProgress = (...progress: number[]) => {
      seen.push(progress)
    }

    await unpack(archive, target, {select: all, limitBytes: 5, onProgress})
    expect(seen.at(-1)).to.deep.equal([5, 5])
  })

  it('refuses names that lead out of the folder', async () => {
    for (const name of ['../evil', 'a/../../evil', '/etc/evil', String.raw`a\..\evil`]) {
      await writeZip(archive, [{name, content: 'x'}])
      const error = await failureOf(unpack(archive, target, {select: all, limitBytes: 10}))
      expect(error.code, name).to.equal('INVALID_ARGUMENT')
      expect(error.message, name).to.contain(archive)
      expect(await readdir(folder), name).to.deep.equal(['x.whl'])
    }
  })

  it('refuses a new name that leads out of the folder', async () => {
    await writeZip(archive, [{name: 'a', content: 'x'}])
    const error = await failureOf(unpack(archive, target, {select: () => '../evil', limitBytes: 10}))
    expect(error.message).to.contain('../evil leads out of the folder')
  })

  it('refuses links', async () => {
    await writeZip(archive, [{name: 'link', content: '/etc/passwd', mode: 0o12_0777}])
    const error = await failureOf(unpack(archive, target, {select: all, limitBytes: 100}))
    expect(error.message).to.contain('link is not a regular file')
  })

  it('refuses two members of one name', async () => {
    await writeZip(archive, [
      {name: 'a', content: '1'},
      {name: 'a', content: '2'},
    ])
    const error = await failureOf(unpack(archive, target, {select: all, limitBytes: 100}))
    expect(error.message).to.contain('two members would become a')
  })

  it('refuses more bytes than are expected, before it writes any', async () => {
    await writeZip(archive, [{name: 'a', content: 'x'.repeat(100)}])
    const error = await failureOf(unpack(archive, target, {select: all, limitBytes: 99}))
    expect(error.message).to.contain('100 bytes, at most 99')
    expect(await readdir(folder)).to.deep.equal(['x.whl'])
  })

  it('refuses a member that is longer than it says', async () => {
    await writeZip(archive, [{name: 'a', content: 'x'.repeat(100), claimedBytes: 10}])
    expect(await failureOf(unpack(archive, target, {select: all, limitBytes: 99}))).to.include({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('refuses an archive that is cut off', async () => {
    await writeZip(archive, [{name: 'a', content: 'x'.repeat(100)}])
    await truncate(archive, 80)
    expect(await failureOf(unpack(archive, target, {select: all, limitBytes: 999}))).to.include({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('refuses what is no archive', async () => {
    await writeFile(archive, 'hello')
    expect(await failureOf(unpack(archive, target, {select: all, limitBytes: 999}))).to.include({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('never overwrites', async () => {
    await writeZip(archive, [{name: 'a', content: 'new'}])
    await mkdir(target)
    await writeFile(path.join(target, 'a'), 'old')
    const error = await unpack(archive, target, {select: all, limitBytes: 9}).catch((error_: unknown) => error_)
    expect(error).to.include({code: 'EEXIST'})
    expect(await readFile(path.join(target, 'a'), 'utf8')).to.equal('old')
  })

  it('leaves the error of a full disk what it is', async function () {
    await writeZip(archive, [{name: 'a', content: 'x'.repeat(200_000)}])
    await mkdir(target)
    await onTmpfs(target, 'size=64k', this, async () => {
      const error = await unpack(archive, target, {select: all, limitBytes: 1e6}).catch((error_: unknown) => error_)
      expect(error).to.include({code: 'ENOSPC'})
    })
  })

  it('stops when cancelled', async () => {
    await writeZip(archive, [{name: 'a', content: 'x'.repeat(100)}])
    const signal = AbortSignal.abort()
    expect(await failureOf(unpack(archive, target, {select: all, limitBytes: 999, signal}))).to.include({
      code: 'CANCELLED',
    })
  })

  it('gives files the permissions of this user, not those of the archive', async () => {
    await writeZip(archive, [{name: 'a', content: 'x', mode: 0o10_4777}])
    await unpack(archive, target, {select: all, limitBytes: 1})
    const {mode} = await stat(path.join(target, 'a'))
    expect(mode & 0o7111).to.equal(0)
  })
})
