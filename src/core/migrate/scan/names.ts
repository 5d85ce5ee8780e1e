import type {RawReference, UsedName} from './references.ts'
import type {AskedName, Supplier} from './report.ts'
import type {LegacyShape} from './shape.ts'

import {COMPAT_NAMES} from '../wrapper/compat-names.ts'

/** What `from module import *` gives once the wrapper is in place: what it gave, without what the module itself imported. */
export function exportedNames(shape: LegacyShape): string[] {
  const {all, bindings} = shape.names
  if (all) return all.filter((name) => bindings.has(name))
  return [...bindings.values()]
    .filter(({name, kind}) => {
      if (name.startsWith('_')) return false
      return isServed(shape, name) ? kind !== 'import' : kind === 'class' || kind === 'function'
    })
    .map(({name}) => name)
}

/** Names that the module has to give; null when they cannot be read off its text. */
export function archivedNames(shape: LegacyShape): string[] | null {
  if (shape.names.open) return null
  return [...shape.names.bindings.keys()].filter((name) => !name.startsWith('__')).toSorted()
}

function isServed(shape: LegacyShape, name: string): boolean {
  return COMPAT_NAMES.has(name) || name === shape.className
}

function supplier(shape: LegacyShape, used: UsedName, before: boolean | null): Supplier {
  if (used.via === 'star' && !exportedNames(shape).includes(used.name)) return 'missing'
  if (isServed(shape, used.name)) return 'npubridge'
  if (before === null) return 'unknown'
  return before ? 'archive' : 'missing'
}

function beforeOf(shape: LegacyShape, name: string): boolean | null {
  if (shape.names.bindings.has(name)) return true
  return shape.names.open ? null : false
}

/** Every module has these. */
function isDunder(name: string): boolean {
  return /^__\w+__$/.test(name)
}

/**
 * The names that a reference asks for, each once, with what answers before and after; `shape` is null when the module is a wrapper
 * already or not in this tree.
 */
export function askedNames(reference: RawReference, shape: LegacyShape | null): AskedName[] {
  const told = new Set<string>()
  return reference.names.flatMap((used): AskedName[] => {
    if (isDunder(used.name) || told.has(used.name)) return []
    told.add(used.name)
    const place = {name: used.name, via: used.via, ...used.node.position}
    if (!shape) {
      if (used.via === 'star') return []
      const served = COMPAT_NAMES.has(used.name)
      return [{...place, before: null, after: served ? 'npubridge' : 'unknown'}]
    }

    const before = beforeOf(shape, used.name)
    // A star import takes what there is; a name that the module lacks came from elsewhere or from nowhere.
    if (before !== true && used.via === 'star') return []
    return [{...place, before, after: supplier(shape, used, before)}]
  })
}
