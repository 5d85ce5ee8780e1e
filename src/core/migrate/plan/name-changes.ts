import type {AskedName, Reference, ScanReport} from '../scan/report.ts'
import type {NameChange} from './plan.ts'

/** What it means for a caller that this name comes from elsewhere than before; null when nothing changes. */
function consequenceOf(name: AskedName, reference: Reference): string | null {
  if (name.via === 'patch') return 'a patch reaches the wrapper only: what npubridge itself does stays unpatched'
  if (name.via === 'star' && name.after === 'missing') return null
  if (name.before === false && name.after === 'npubridge')
    return reference.guarded
      ? 'never existed here, so the except branch ran; from now on it exists and the import succeeds'
      : 'never existed here, so this failed; from now on it exists'
  if (name.after === 'missing')
    return reference.guarded
      ? 'never existed: the except branch runs, as before'
      : 'never existed: this fails whenever it runs, as before'
  if (name.after === 'archive')
    return 'npubridge.compat has no such name: the archived original supplies it, with a warning'
  return name.before === null ? 'cannot be told from the text of the module' : null
}

/** The names whose source changes or never was, with what that means, in the order of the report. */
export function nameChanges(report: ScanReport): NameChange[] {
  return report.importers.flatMap((importer) =>
    importer.references
      .filter((reference) => report.modules.some((module) => module.path === reference.target))
      .flatMap((reference) =>
        reference.names.flatMap((name): NameChange[] => {
          const consequence = consequenceOf(name, reference)
          if (consequence === null) return []
          const cell = reference.cell === undefined ? {} : {cell: reference.cell}
          const {line, name: asked, before, after} = name
          return [{path: importer.path, line, ...cell, name: asked, before, after, consequence}]
        }),
      ),
  )
}
