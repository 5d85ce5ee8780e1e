import {expect} from 'chai'
import path from 'node:path'

import {inWords, measureSpace, requireSpace} from '../../../src/core/install/space.ts'
import {failureOf} from '../../support/failure.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('requireSpace', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  it('measures the nearest folder that exists', async () => {
    const asked: string[] = []
    await requireSpace([{folder: path.join(folder, 'a', 'b'), bytes: 1}], async (place) => {
      asked.push(place)
      return {device: 1, bytes: 2}
    })
    expect(asked).to.deep.equal([folder])
  })

  it('adds up what goes to the same disk, and names needed and free space', async () => {
    const needs = [
      {folder, bytes: 60e6},
      {folder: path.join(folder, 'cache'), bytes: 60e6},
    ]
    const error = await failureOf(requireSpace(needs, async () => ({device: 1, bytes: 100e6})))
    expect(error).to.include({
      code: 'RESOURCE_EXHAUSTED',
      message: `120 MB are needed in ${folder}, 100 MB are free.`,
    })
    expect(error.suggestions.join('\n')).to.contain('NPUBRIDGE_HOME')
  })

  it('treats disks apart', async () => {
    let device = 0
    const measure = async () => ({device: device++, bytes: 100e6})
    const needs = [
      {folder, bytes: 60e6},
      {folder, bytes: 60e6},
    ]
    expect(await requireSpace(needs, measure)).to.equal(100e6)
  })

  it('measures a real disk', async () => {
    expect((await measureSpace(folder)).bytes).to.be.greaterThan(0)
  })

  it('says sizes in words', () => {
    expect([inWords(155_984_461), inWords(78e9)]).to.deep.equal(['156 MB', '78.0 GB'])
  })
})
