/** Finds links of Markdown files that lead nowhere: node links.js FOLDER */
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {answer} from './task.js'

const [folder] = process.argv.slice(2)
const broken = []
let count = 0
for (const name of readdirSync(folder, {recursive: true})) {
  if (!name.endsWith('.md')) continue
  const file = path.join(folder, name)
  for (const [, target] of readFileSync(file, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
    const isLocal = !/^[a-z]+:/i.test(target)
    if (isLocal) count++
    if (isLocal && !existsSync(path.join(path.dirname(file), target))) broken.push({file, target})
  }
}

answer({links: count, broken})
