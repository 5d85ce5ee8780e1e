/** Writes man/npubridge.1 from oclif.manifest.json: `npm run docs:man`. */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {type CommandManifest, manPage} from './man-page.ts'

const ROOT = path.resolve(import.meta.dirname, '..', '..')
const read = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as unknown
mkdirSync(path.join(ROOT, 'man'), {recursive: true})
writeFileSync(
  path.join(ROOT, 'man', 'npubridge.1'),
  manPage(read('oclif.manifest.json') as CommandManifest, (read('package.json') as {description: string}).description),
)
