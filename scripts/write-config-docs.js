/** Writes what follows from schemas in code: the JSON schemas of config and tune, and the reference in docs/configuration.md. */
import {readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {format} from 'prettier'

import {publishedSchemas} from '../src/core/config/published.ts'
import {configReference, REFERENCE_MARKS} from '../src/core/config/reference.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
for (const [file, schema] of Object.entries(publishedSchemas())) {
  writeFileSync(path.join(ROOT, file), `${JSON.stringify(schema, null, 2)}\n`)
}

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
