import type {Buffer} from 'node:buffer'

import {createTwoFilesPatch, FILE_HEADERS_ONLY} from 'diff'
import path from 'node:path'

import type {FileSystem} from '../effects.ts'
import type {MigrationPlan, PlannedFile} from './plan.ts'

import {decodeSource} from '../scan/source.ts'

/** Lines of context around a change, as git shows them. */
const CONTEXT = 3

function gitMode(mode: number): string {
  return (mode & 0o100) === 0 ? '100644' : '100755'
}

/** Text for people and for git: a byte order mark is a character of the first line. */
function textOf(bytes: Buffer): string {
  const source = decodeSource(bytes)
  return source.bom ? `\u{FEFF}${source.text}` : source.text
}

function patch(file: PlannedFile, before: Buffer | null): string {
  const header = [`diff --git a/${file.path} b/${file.path}`]
  if (before === null) header.push(`new file mode ${gitMode(file.after.mode)}`)
  const body = createTwoFilesPatch(
    before === null ? '/dev/null' : `a/${file.path}`,
    `b/${file.path}`,
    before === null ? '' : textOf(before),
    textOf(file.content),
    undefined,
    undefined,
    {context: CONTEXT, headerOptions: FILE_HEADERS_ONLY},
  )
  return `${header.join('\n')}\n${body}`
}

/** An original that is put away is a copy, and nobody wants to read it twice. */
function copy(file: PlannedFile, original: string): string {
  return [
    `diff --git a/${original} b/${file.path}`,
    'similarity index 100%',
    `copy from ${original}`,
    `copy to ${file.path}`,
    '',
  ].join('\n')
}

/** What a plan changes, file by file, in the form that `git apply` takes. */
export function planDiffs(plan: MigrationPlan, fs: FileSystem): Map<string, string> {
  const originals = new Map(plan.modules.map((module) => [module.archive, module.path]))
  return new Map(
    plan.files.map((file) => {
      const original = file.role === 'archive' ? originals.get(file.path) : undefined
      if (original !== undefined) return [file.path, copy(file, original)]
      const before = file.before ? fs.readFile(path.join(plan.root, file.path)) : null
      return [file.path, patch(file, before)]
    }),
  )
}
