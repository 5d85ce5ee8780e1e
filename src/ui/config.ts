import {mark} from './mark.ts'
import {renderTable} from './table.ts'

export interface PrintableSetting {
  readonly path: string
  readonly value: unknown
  readonly origin: string
}

export interface PrintableProblem {
  readonly message: string
  readonly nearest: null | string
  readonly origin: string
}

/** Every setting with its value and where that comes from. */
export function renderSettings(settings: readonly PrintableSetting[], file: null | string): string {
  const table = renderTable({
    columns: [{title: 'setting'}, {title: 'value'}, {title: 'from'}],
    rows: settings.map(({origin, path, value}) => [path, renderValue(value), origin]),
  })
  const set = settings.filter(({origin}) => origin !== 'default').length
  const from = file ?? 'There is no npubridge.config.json or .yaml: npubridge config init'
  return [table, `${set} of ${settings.length} set · ${from}`].join('\n')
}

function renderValue(value: unknown): string {
  if (value === undefined) return '(by the machine)'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What is wrong, a line each; or that nothing is. */
export function renderProblems(problems: readonly PrintableProblem[], file: null | string): string {
  if (problems.length === 0) return `${mark('ok')} ${file ?? 'No file'}: nothing wrong, variables included`
  return problems
    .map(({message, nearest, origin}) => {
      const meant = nearest === null ? '' : `\n  Did you mean ${nearest}?`
      return `${mark('failed')} ${message} (in ${origin})${meant}`
    })
    .join('\n')
}

export function renderWrittenConfig({file, replaced}: {file: string; replaced: boolean}): string {
  const undo = replaced ? '' : `\n  Undo: rm ${file}`
  return `${mark('ok')} ${replaced ? 'Replaced' : 'Wrote'} ${file}\n  See what holds: npubridge config show${undo}`
}
