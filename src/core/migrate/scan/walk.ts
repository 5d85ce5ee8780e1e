import path from 'node:path'

import type {FileProblem} from './report.ts'

import {errorCode, type FileSystem, type FolderEntry} from '../effects.ts'

/** Folders that hold no code of the project, by name. */
const SKIPPED_FOLDERS: Readonly<Record<string, string>> = {
  '.git': 'version control',
  '.hg': 'version control',
  '.jj': 'version control',
  '.svn': 'version control',
  '.npubridge': 'journals of migrations',
  '.eggs': 'installed packages',
  '.mypy_cache': 'cache',
  '.nox': 'virtual environment',
  '.pytest_cache': 'cache',
  '.ruff_cache': 'cache',
  '.tox': 'virtual environment',
  __pycache__: 'cache',
  'dist-packages': 'installed packages',
  node_modules: 'installed packages',
  'site-packages': 'installed packages',
}

export interface FoundFile {
  /** Relative to the root, with `/`. */
  readonly path: string
  readonly kind: 'file' | 'symlink'
}

export interface Walk {
  readonly files: FoundFile[]
  readonly skipped: FileProblem[]
  readonly problems: FileProblem[]
}

/** Why a folder with these entries is not part of the project, or null. */
function reasonToSkip(name: string, entries: readonly FolderEntry[]): string | null {
  const has = (entry: string) => entries.some((candidate) => candidate.name === entry)
  if (has('pyvenv.cfg') || has('conda-meta')) return 'virtual environment'
  if (name === 'npubridge' && has('compat.py') && has('__init__.py')) return 'npubridge itself'
  return null
}

/**
 * Every file below `root`, links as such: a linked folder is not entered, it may lead out of the tree or round in
 * circles.
 */
export function walkTree(fs: FileSystem, root: string): Walk {
  const walk: Walk = {files: [], skipped: [], problems: []}
  const left = ['']
  for (let folder = left.pop(); folder !== undefined; folder = left.pop()) {
    const entries = listFolder(fs, root, folder, walk)
    const reason = folder === '' ? null : reasonToSkip(path.posix.basename(folder), entries)
    if (reason) {
      walk.skipped.push({path: folder, problem: reason})
      continue
    }

    const below: string[] = []
    for (const {name, kind} of entries) {
      const inside = folder === '' ? name : `${folder}/${name}`
      const known = Object.hasOwn(SKIPPED_FOLDERS, name) ? SKIPPED_FOLDERS[name] : undefined
      if (kind === 'file' || kind === 'symlink') walk.files.push({path: inside, kind})
      else if (kind === 'folder' && known) walk.skipped.push({path: inside, problem: known})
      else if (kind === 'folder') below.push(inside)
    }

    left.push(...below.toReversed())
  }

  return walk
}

/** By code unit: the same order on every machine, whatever its language. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function listFolder(fs: FileSystem, root: string, folder: string, walk: Walk): FolderEntry[] {
  try {
    return fs.list(path.join(root, folder)).toSorted((a, b) => compareText(a.name, b.name))
  } catch (error) {
    walk.problems.push({path: folder || '.', problem: `cannot be listed: ${errorCode(error) ?? String(error)}`})
    return []
  }
}
