import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'

import {readJsonFile} from '../../../src/core/install/json-file.ts'
import {makeFolder, removeFolder} from '../../support/folder.ts'

describe('readJsonFile', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await makeFolder()
  })

  afterEach(async () => removeFolder(folder))

  it('gives what the schema says, and null for anything else', async () => {
    const schema = z.object({a: z.number()})
    const file = path.join(folder, 'x.json')
    expect(await readJsonFile(file, schema)).to.equal(null)
    for (const [text, expected] of [
      ['{"a": 1, "b": 2}', {a: 1}],
      ['{"a": "1"}', null],
      ['{"a":', null],
      ['', null],
    ] as const) {
      await writeFile(file, text)
      expect(await readJsonFile(file, schema), text).to.deep.equal(expected)
    }
  })
})
