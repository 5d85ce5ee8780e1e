import {expect} from 'chai'
import {chmod, mkdir, readFile} from 'node:fs/promises'
import path from 'node:path'

import {requireWritable, writeExports} from '../../../src/core/bench/exports.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'
import {onTmpfs} from '../../support/tmpfs.ts'
import {reportOf} from './report-of.ts'

describe('exporting a report', () => {
  let folder: string

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  it('writes what each target makes of it', async () => {
    const file = path.join(folder, 'x.txt')
    await requireWritable([file])
    await writeExports([{file, render: ({suites}) => `${suites.length} suite`}], reportOf({samples: {'s.m': [1]}}))
    expect(await readFile(file, 'utf8')).to.equal('1 suite')
  })

  it('finds out before what cannot be written', async () => {
    await mkdir(path.join(folder, 'sub'))
    const messageOf = async (file: string) => (await failureOf(requireWritable([file]))).message
    expect(await messageOf(path.join(folder, 'sub'))).to.match(/sub cannot be written: it is a folder$/)
    expect(await messageOf(path.join(folder, 'none', 'x'))).to.match(/x cannot be written: there is no folder /)
  })

  it('finds out before that a folder is read-only', async function () {
    await onTmpfs(folder, 'ro', this, async () => {
      expect((await failureOf(requireWritable([path.join(folder, 'x')]))).message).to.match(/EROFS$/)
    })
    await chmod(folder, 0o755)
  })
})
