/** Counts what is below a folder: node count.js FOLDER */
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {answer} from './task.js'

const [folder] = process.argv.slice(2)
const byExtension = {}
let files = 0
let lines = 0
for (const entry of readdirSync(folder, {recursive: true, withFileTypes: true})) {
  if (!entry.isFile()) continue
  const text = readFileSync(path.join(entry.parentPath, entry.name), 'latin1')
  const extension = path.extname(entry.name) || 'none'
  const count = text.split('\n').length - 1
  byExtension[extension] ??= {files: 0, lines: 0}
  const known = byExtension[extension]
  known.files++
  known.lines += count
  files++
  lines += count
}

answer({folder, files, lines, byExtension})
