import path from 'node:path'

import type {FileSystem} from '../effects.ts'
import type {LegacyModule} from '../scan/report.ts'

import {DEFECTS} from '../scan/defects/defect.ts'

/** The name that an archived original has always had. */
export const ARCHIVE_FILE = 'npu_coordination_bridge_buggy_original.py'

export const DEPRECATED_FOLDER = 'deprecated'

/** As on a calendar where the migration runs. */
export function dateStamp(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}${pad(date.getMonth() + 1)}${pad(date.getDate())}`
}

/** Hands out folders for originals, never one that exists: an archive of the same day stays as it is. */
export class ArchiveFolders {
  readonly #taken = new Set<string>()
  readonly #fs: FileSystem
  readonly #root: string
  readonly #base: string

  constructor(fs: FileSystem, root: string, now: Date) {
    this.#fs = fs
    this.#root = root
    this.#base = `${DEPRECATED_FOLDER}/npu_bridge_python_legacy_${dateStamp(now)}`
  }

  next(): string {
    for (let number = 1; ; number += 1) {
      const folder = number === 1 ? this.#base : `${this.#base}_${number}`
      if (this.#taken.has(folder) || this.#fs.stat(path.join(this.#root, folder))) continue
      this.#taken.add(folder)
      return folder
    }
  }
}

/** What a person finds beside an archived original. */
export function archiveReadme(module: LegacyModule, date: Date, version: string): string {
  const stamp = dateStamp(date)
  const day = `${stamp.slice(0, 4)}-${stamp.slice(4, 6)}-${stamp.slice(6)}`
  const kinds = new Set(module.defects.map((defect) => defect.kind))
  const defects = [...kinds].map((kind) => {
    const lines = module.defects.filter((defect) => defect.kind === kind).map((defect) => defect.line)
    return `- ${DEFECTS[kind]} (line ${[...new Set(lines)].join(', ')}).`
  })
  return `# The original of ${module.path}

Put away on ${day} by npubridge ${version}; a wrapper around the Python package npubridge stands in its place.
\`${ARCHIVE_FILE}\` is the original byte for byte (generation ${module.generation}).

    sha256 ${module.sha256}

Check it with \`sha256sum -c SHA256SUMS\` in this folder.

Known defects found in it:

${defects.length > 0 ? defects.join('\n') : '- none of the six known ones.'}

The wrapper runs this file when npubridge cannot be imported, so leave it here as long as the wrapper is in use.
Undo the whole migration with \`npubridge migrate rollback\`.
`
}
