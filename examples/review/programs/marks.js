/** Finds marks that somebody forgot: node marks.js FOLDER */
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {answer} from './task.js'

const [folder] = process.argv.slice(2)
const found = []
for (const entry of readdirSync(folder, {recursive: true, withFileTypes: true})) {
  if (!entry.isFile()) continue
  const file = path.join(entry.parentPath, entry.name)
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (/\b(?:TODO|FIXME|XXX)\b/.test(line)) found.push({file, line: index + 1, text: line.trim().slice(0, 120)})
  }
}

answer({count: found.length, found})
