import {expect} from 'chai'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {format} from 'prettier'

import {publishedSchemas} from '../../src/core/config/published.ts'
import {configReference, REFERENCE_MARKS} from '../../src/core/config/reference.ts'
import {allSettings, variableOf} from '../../src/core/config/schema.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

describe('docs/configuration.md', () => {
  const text = read('docs/configuration.md')

  it('has the reference that follows from the schema: npm run docs:config', async () => {
    const [start, end] = REFERENCE_MARKS
    const written = text.slice(text.indexOf(start) + start.length, text.indexOf(end)).trim()
    const options = {...(JSON.parse(read('.prettierrc.json')) as object), parser: 'markdown'}
    expect(written).to.equal((await format(configReference(), options)).trim())
  })

  it('names every setting and its variable', () => {
    for (const setting of allSettings()) {
      expect(text).to.match(new RegExp(`(\`|### )${setting.path.at(-1)!}\\b`))
      expect(text).to.contain(variableOf(setting))
    }
  })

  it('comes with the schemas that follow from the code: npm run docs:config', () => {
    for (const [file, schema] of Object.entries(publishedSchemas())) {
      expect(JSON.stringify(JSON.parse(read(file))), file).to.equal(JSON.stringify(schema))
    }
  })
})
