import type {SideEffect} from './report.ts'
import type {PyModule} from './tree.ts'

import {scopeNodes} from './bindings.ts'

/** What importing the module does to the rest of the process. Callers may rely on it without knowing. */
export function sideEffectsOf(file: PyModule): SideEffect[] {
  return [...scopeNodes(file.root)].flatMap((node): SideEffect[] => {
    if (node.kind !== 'call') return []
    const name = node.field('function')!.text
    if (name === 'logging.basicConfig') return [{kind: 'logging-configuration', ...node.position}]
    return /^sys\.path\.(?:append|extend|insert)$/.test(name) ? [{kind: 'sys-path', ...node.position}] : []
  })
}
