import path from 'node:path/posix'

/** A module that imports can lead to: where its file is, with `/` and relative to the root. */
export interface ModulePlace {
  readonly path: string
  /** Other paths that are links to it. */
  readonly aliases: readonly string[]
}

/** `a/b/m.py` → [a, b, m]; a package's `__init__.py` is the folder. */
export function dottedParts(file: string): string[] {
  const parts = file.replace(/\.pyw?$/, '').split('/')
  return parts.at(-1) === '__init__' ? parts.slice(0, -1) : parts
}

/** The last part of the dotted name by which a file is imported. */
export function stemOf(file: string): string {
  return dottedParts(file).at(-1) ?? ''
}

function endsWith(parts: readonly string[], tail: readonly string[]): boolean {
  return tail.length <= parts.length && tail.every((part, index) => part === parts[parts.length - tail.length + index])
}

/** Absolute parts that a relative name such as `..a.m` stands for in `file`, or null when it leaves the root. */
function relativeParts(module: string, file: string): string[] | null {
  const dots = /^\.+/.exec(module)![0].length
  const folder = path.dirname(file) === '.' ? [] : path.dirname(file).split('/')
  if (dots - 1 > folder.length) return null
  return [...folder.slice(0, folder.length - (dots - 1)), ...module.slice(dots).split('.').filter(Boolean)]
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

/** Of several that fit, the one in the importer's own folder, else the one that lies nearest to it. */
function nearest(places: readonly ModulePlace[], file: string): ModulePlace | null {
  const folder = path.dirname(file).split('/')
  const closeness = (place: ModulePlace) => {
    const other = path.dirname(place.path).split('/')
    const shared = sharedLength(folder, other)
    return shared * 2 - other.length
  }

  return places.toSorted((a, b) => closeness(b) - closeness(a))[0] ?? null
}

/**
 * The module that `module`, as written in `file`, leads to. Where sys.path points is not known, so an absolute name fits
 * every place whose path ends with it.
 */
export function resolveModule(module: string, file: string, places: readonly ModulePlace[]): ModulePlace | null {
  const fits = (wanted: (parts: readonly string[]) => boolean) =>
    places.filter((place) => [place.path, ...place.aliases].some((candidate) => wanted(dottedParts(candidate))))
  if (module.startsWith('.')) {
    const parts = relativeParts(module, file)
    if (!parts) return null
    return fits((candidate) => candidate.length === parts.length && endsWith(candidate, parts))[0] ?? null
  }

  const parts = module.split('.')
  return nearest(
    fits((candidate) => endsWith(candidate, parts)),
    file,
  )
}

/** The module that a file name in a string leads to: only its last part can be relied on. */
export function resolvePath(written: string, file: string, places: readonly ModulePlace[]): ModulePlace | null {
  const tail = written.split(/[/\\]/).filter((part) => part && part !== '.' && part !== '..')
  const exact = places.filter((place) => endsWith(place.path.split('/'), tail))
  const byName = places.filter((place) => place.path.split('/').at(-1) === tail.at(-1))
  return nearest(exact.length > 0 ? exact : byName, file)
}
