/** Writes what follows from the configuration's schema: its JSON schemas and the reference in docs/configuration.md. */
import {readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {format} from 'prettier'

import {configReference, REFERENCE_MARKS} from '../src/core/config/reference.ts'
import {configJsonSchema} from '../src/core/config/schema.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const schema = `${JSON.stringify(configJsonSchema(), null, 2)}\n`
writeFileSync(path.join(ROOT, 'docs/schemas/config.schema.json'), schema)
writeFileSync(path.join(ROOT, 'native/python/python/npubridge/_config_schema.json'), schema)

const file = path.join(ROOT, 'docs/configuration.md')
const [start, end] = REFERENCE_MARKS
const text = readFileSync(file, 'utf8')
const before = text.slice(0, text.indexOf(start) + start.length)
const after = text.slice(text.indexOf(end))
const reference = await format(`${before}\n\n${configReference()}\n\n${after}`, {
  ...JSON.parse(readFileSync(path.join(ROOT, '.prettierrc.json'), 'utf8')),
  parser: 'markdown',
})
writeFileSync(file, reference)
