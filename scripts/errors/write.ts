/** Writes docs/errors.md: `npm run docs:errors`. */
import {readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {format} from 'prettier'

import {errorReference} from './reference.ts'

const ROOT = path.resolve(import.meta.dirname, '..', '..')
const options = JSON.parse(readFileSync(path.join(ROOT, '.prettierrc.json'), 'utf8')) as object
writeFileSync(path.join(ROOT, 'docs', 'errors.md'), await format(errorReference(), {...options, parser: 'markdown'}))
