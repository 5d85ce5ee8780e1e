import path from 'node:path'

import type {Effects} from './effects.ts'

import {sha256} from './hash.ts'
import {type JournalStore, STATE_FOLDER} from './journal/store.ts'

const ARCHIVE = /^deprecated\/npu_bridge_python_legacy_\d{8}(?:_\d+)?\//

/** Tells files that migrations made or changed and nobody touched since: they may be uncommitted without being in the way. */
export function ownPaths(effects: Effects, store: JournalStore): (file: string) => boolean {
  const expected = new Map<string, string>()
  for (const journal of store.list())
    if (journal.data.state === 'done')
      for (const step of journal.data.steps) if (step.type === 'file') expected.set(step.path, step.after.sha256)
  return (file) => {
    if (file === `${STATE_FOLDER}/` || file.startsWith(`${STATE_FOLDER}/`) || ARCHIVE.test(file)) return true
    const hash = expected.get(file)
    const absolute = path.join(store.root, file)
    return (
      hash !== undefined && effects.fs.stat(absolute)?.kind === 'file' && sha256(effects.fs.readFile(absolute)) === hash
    )
  }
}
