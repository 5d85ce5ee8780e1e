import type {Buffer} from 'node:buffer'

import path from 'node:path/posix'

import type {Importer, LegacyModule, Reference} from '../scan/report.ts'
import type {ParsedFile, ParsedModule, Scan} from '../scan/scan.ts'
import type {PyModule, PyNode} from '../scan/tree.ts'
import type {Rewrite} from './plan.ts'

import {absoluteImports} from '../scan/references.ts'
import {stemOf} from '../scan/resolve.ts'
import {encodeSource} from '../scan/source.ts'
import {isStandardLibrary} from '../scan/stdlib.ts'

/** Lines that a file needs in order to go on working. */
export interface Insertion {
  /** The statement that they must stand before. */
  readonly before: PyNode
  readonly lines: readonly string[]
  readonly reason: string
}

/** A file that may have to be changed: its syntax, and what the scan said of it. */
export interface Caller {
  readonly file: ParsedFile
  readonly importer: Importer
}

export interface Rewritten {
  readonly content: Buffer
  readonly rewrites: readonly Rewrite[]
}

function statementAt(module: PyModule, reference: Reference): PyNode | null {
  for (const node of module.root.all('import_from_statement'))
    if (node.position.line === reference.line && node.position.column === reference.column) return node
  return null
}

/** How to get a name without the detour: as the module itself got it when that is plain, else from the module by name. */
export function importOf(name: string, reference: Reference, target: ParsedModule): string {
  const binding = target.shape.names.bindings.get(name)
  const fallback = `from ${reference.module} import ${name}`
  if (binding?.kind !== 'import' || binding.statement.parent?.kind !== 'module') return fallback
  const from = binding.statement.field('module_name')
  if (from && from.kind !== 'dotted_name') return fallback
  for (const child of binding.statement.children) {
    if (child === from) continue
    const original = (child.field('name') ?? child).text
    const local = child.field('alias')?.text ?? (from ? original : original.split('.', 1)[0]!)
    if (local !== name) continue
    const as = child.kind === 'aliased_import' ? ` as ${name}` : ''
    return from ? `from ${from.text} import ${original}${as}` : `import ${original}${as}`
  }

  return fallback
}

/** Names that came through a star import although they were never the module's own. */
function leakedNames({file, importer}: Caller, modulePath: string, module: ParsedModule): Insertion[] {
  return importer.references.flatMap((reference) => {
    const statement =
      reference.form === 'star' && reference.target === modulePath ? statementAt(file.module, reference) : null
    if (!statement) return []
    return reference.names
      .filter((name) => name.before === true && name.after === 'missing')
      .map(({name}) => ({
        before: statement,
        lines: [importOf(name, reference, module)],
        reason: `"${name}" came through "import *" only because the old module had imported it itself`,
      }))
  })
}

/** What puts `folder` first on sys.path, from a file in `from`; both relative to the root. */
function pathLines(from: string, folder: string): string[] {
  const parts = path
    .relative(from, folder)
    .split('/')
    .map((part) => JSON.stringify(part))
  const absolute = `os.path.join(os.path.dirname(os.path.abspath(__file__)), ${parts.join(', ')})`
  return ['import os.path', 'import sys', `sys.path.insert(0, ${absolute})`]
}

function hasModule(files: ReadonlySet<string>, folder: string, name: string): boolean {
  const base = folder === '.' || folder === '' ? name : `${folder}/${name}`
  if (files.has(`${base}.py`)) return true
  for (const file of files) if (file.startsWith(`${base}/`) && file.endsWith('.py')) return true
  return false
}

/** Imports that succeed only because importing the old module put its own folder on sys.path. */
function borrowedPath({file, importer}: Caller, module: LegacyModule, files: ReadonlySet<string>): Insertion | null {
  const folder = path.dirname(module.path)
  const own = path.dirname(importer.path)
  if (folder === own || module.sideEffects.every((effect) => effect.kind !== 'sys-path')) return null
  // A file that arranges sys.path itself does not depend on others for it.
  if (/\bsys\.path\.(?:append|extend|insert)\b/.test(file.module.source.text)) return null
  const first = importer.references.find(
    (reference) => reference.target === module.path && reference.condition !== 'function',
  )
  if (!first) return null
  const needy = absoluteImports(file.module).find(
    ({name, statement}) =>
      statement.position.line > first.line &&
      !isStandardLibrary(name) &&
      // The module itself under a shorter name is a second try for when the first one failed.
      name !== stemOf(module.path) &&
      hasModule(files, folder, name) &&
      !hasModule(files, own, name) &&
      !hasModule(files, '', name),
  )
  if (!needy) return null
  return {
    before: needy.statement,
    lines: pathLines(own, folder),
    reason: `"${needy.name}" was found only because the old module put ${folder} on sys.path`,
  }
}

/** What has to be added to a caller of `replaced` modules so that it works with their wrappers as it did with them. */
export function insertionsFor(
  caller: Caller,
  replaced: readonly LegacyModule[],
  {modules, files}: Pick<Scan, 'files' | 'modules'>,
): Insertion[] {
  const used = replaced.filter((module) => caller.importer.references.some(({target}) => target === module.path))
  const leaked = used.flatMap((module) => leakedNames(caller, module.path, modules.get(module.path)!))
  const borrowed = used.flatMap((module) => borrowedPath(caller, module, files) ?? [])
  return [...leaked, ...borrowed]
}

/** Where the line begins that `node` stands on, and its indentation; null when it continues the line before. */
function lineOf(text: string, node: PyNode): {start: number; indent: string} | null {
  const start = Math.max(text.lastIndexOf('\n', node.start - 1), text.lastIndexOf('\r', node.start - 1)) + 1
  if (/\\(?:\r\n|\r|\n)$/.test(text.slice(0, start))) return null
  return {start, indent: /^[ \t\f]*/.exec(text.slice(start))![0]}
}

/** The file with its insertions, everything else byte for byte as it was; null when a place for one cannot be found. */
export function rewriteFile({file, importer}: Caller, insertions: readonly Insertion[]): Rewritten | null {
  const {source} = file.module
  const rewrites: Rewrite[] = []
  const parts: string[] = []
  let copied = 0
  let added = 0
  for (const insertion of insertions.toSorted((a, b) => a.before.start - b.before.start)) {
    const place = lineOf(source.text, insertion.before)
    if (!place) return null
    parts.push(source.text.slice(copied, place.start))
    copied = place.start
    for (const inserted of insertion.lines) {
      parts.push(place.indent + inserted + source.lineEnd)
      const line = insertion.before.position.line + added
      rewrites.push({path: importer.path, line, inserted, reason: insertion.reason})
      added += 1
    }
  }

  parts.push(source.text.slice(copied))
  return {content: encodeSource(source, parts.join('')), rewrites}
}
