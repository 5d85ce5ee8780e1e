import {expect} from 'chai'
import {Buffer} from 'node:buffer'
import {existsSync, readFileSync, truncateSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {create, Header} from 'tar'

import {unpack} from '../../../src/core/probe/archive.ts'
import {isArchive} from '../../../src/core/probe/snapshot.ts'
import {TemporaryFolder} from './folder.ts'

interface Member {
  readonly path: string
  readonly type?: 'BlockDevice' | 'CharacterDevice' | 'File' | 'Link' | 'SymbolicLink'
  readonly linkpath?: string
  readonly content?: string
}

const BLOCK = 512

/** An archive that no tar program would make. */
function archiveOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({content = '', linkpath, path: name, type = 'File'}) => {
    const header = Buffer.alloc(BLOCK)
    new Header({mode: 0o644, path: name, size: content.length, type, ...(linkpath && {linkpath})}).encode(header, 0)
    const body = Buffer.alloc(Math.ceil(content.length / BLOCK) * BLOCK)
    body.write(content)
    return [header, body]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

async function refusalOf(members: readonly Member[]): Promise<string> {
  using folder = new TemporaryFolder()
  const file = folder.file('bad.tar', archiveOf(members))
  const error: unknown = await unpack(file).catch((error_: unknown) => error_)
  expect(error).to.include({code: 'INVALID_ARGUMENT'})
  return (error as Error).message
}

describe('unpacking a snapshot', () => {
  const harmful: ReadonlyArray<readonly [string, Member]> = [
    ['a path that climbs out', {content: 'x', path: 'a/../../evil'}],
    ['an absolute path', {content: 'x', path: '/tmp/npubridge-evil'}],
    ['a link that climbs out', {linkpath: '../../evil', path: 'a/link', type: 'SymbolicLink'}],
    ['an absolute link', {linkpath: '/etc/passwd', path: 'link', type: 'SymbolicLink'}],
    ['a hard link', {linkpath: 'npubridge-snapshot.json', path: 'link', type: 'Link'}],
    ['a device', {path: 'null', type: 'CharacterDevice'}],
  ]
  for (const [what, member] of harmful) {
    it(`refuses ${what}, and writes nothing`, async () => {
      const message = await refusalOf([{content: '{}', path: 'npubridge-snapshot.json'}, member])
      expect(message).to.contain('was not unpacked').and.to.contain(JSON.stringify(member.path))
      expect(existsSync('/tmp/npubridge-evil')).to.equal(false)
    })
  }

  it('refuses to write through a link of the archive itself', async () => {
    using folder = new TemporaryFolder()
    folder.file('victim/file', 'untouched')
    const file = folder.file(
      'through.tar',
      archiveOf([
        {linkpath: 'inside', path: 'link', type: 'SymbolicLink'},
        {content: 'changed', path: 'link/file'},
      ]),
    )
    const unpacked = await unpack(file).catch(() => null)
    expect(unpacked === null || !existsSync(path.join(unpacked.folder, 'inside/file'))).to.equal(true)
    unpacked?.remove()
    expect(readFileSync(path.join(folder.path, 'victim/file'), 'utf8')).to.equal('untouched')
  })

  for (const isGzip of [false, true]) {
    it(`refuses what unpacks to more than 64 MiB from ${isGzip ? 'few' : 'as many'} bytes`, async () => {
      using folder = new TemporaryFolder()
      truncateSync(folder.file('zeros'), 65 << 20)
      const file = path.join(folder.path, 'bomb.tar')
      await create({cwd: folder.path, file, gzip: isGzip}, ['zeros'])
      const error: unknown = await unpack(file).catch((error_: unknown) => error_)
      expect(error).to.include({code: 'INVALID_ARGUMENT'})
      expect((error as Error).message).to.match(/more than 64 MiB|decompression ratio/)
    })
  }

  it('refuses rubbish and cut-off archives', async () => {
    using folder = new TemporaryFolder()
    folder.file('whole/file', 'content'.repeat(10_000))
    const whole = path.join(folder.path, 'whole.tar.gz')
    await create({cwd: path.join(folder.path, 'whole'), file: whole, gzip: true}, ['file'])
    const cut = folder.file('cut.tar.gz', readFileSync(whole).subarray(0, 60))
    const rubbish = folder.file('rubbish.tar.gz', 'this is no archive')
    for (const file of [cut, rubbish]) {
      const error: unknown = await unpack(file).catch((error_: unknown) => error_)
      expect(error, file).to.include({code: 'INVALID_ARGUMENT'})
    }
  })

  it('knows an archive by its name, if it is a file', () => {
    using folder = new TemporaryFolder()
    writeFileSync(path.join(folder.path, 'a.tar.gz'), '')
    expect(isArchive(path.join(folder.path, 'a.tar.gz'))).to.equal(true)
    expect(isArchive(path.join(folder.path, 'b.tar.gz'))).to.equal(false)
    expect(isArchive(folder.path)).to.equal(false)
  })
})
