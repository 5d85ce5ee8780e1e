import {boundAnywhere, nameUses, scopeNodes} from './bindings.ts'
import {isBuiltin} from './builtins.ts'
import {type PyModule, type PyNode, stringValue} from './tree.ts'

/** How a file reaches the module. */
export type ReferenceForm =
  /** `import a.module`, `import a.module as m` */
  | 'import'
  /** `from a.module import X` */
  | 'from'
  /** `from a import module` */
  | 'from-package'
  /** `from a.module import *` */
  | 'star'
  /** A dotted name in a string given to importlib and the like. */
  | 'string'
  /** A file name in a string given to importlib.util, runpy and the like. */
  | 'path'
  /** A dotted name in a string given to mock.patch: its last part is set on the module. */
  | 'patch'

/** Where a statement stands, for what it means that it fails. */
export type Condition = 'function' | 'if' | 'try' | 'type-checking'

export type NameUse = 'attribute' | 'import' | 'patch' | 'star'

export interface UsedName {
  readonly name: string
  readonly via: NameUse
  readonly node: PyNode
}

export interface RawReference {
  readonly form: ReferenceForm
  /** The dotted name of the module, leading dots of a relative one included; a path for the form `path`. */
  readonly module: string
  readonly node: PyNode
  readonly condition: Condition | null
  /** Whether an ImportError here is caught. */
  readonly guarded: boolean
  readonly names: readonly UsedName[]
}

const STRING_IMPORTS =
  /(?:^|\.)(?:__import__|find_loader|find_spec|import_module|importorskip|import_string|reload_module|resolve_name|run_module|skip_module)$/
const PATH_IMPORTS = /(?:^|\.)(?:SourceFileLoader|exec_file|load_source|run_path|spec_from_file_location)$/
const PATCHES = /(?:^|\.)(?:patch|patch\.dict|patch\.multiple|setattr)$/

const CAUGHT_IMPORT_ERRORS = /\b(?:BaseException|Exception|ImportError|ModuleNotFoundError)\b/

/** Whether the body of this `try` has its ImportErrors caught. */
function catchesImportErrors(tryStatement: PyNode): boolean {
  return tryStatement.children.some((clause) => {
    if (clause.kind !== 'except_clause') return false
    const type = clause.children.find((child) => child.kind !== 'block')
    return !type || CAUGHT_IMPORT_ERRORS.test(type.text)
  })
}

/** What it means for a statement that it stands in `outer`, whose part `below` it is in. */
function conditionIn(outer: PyNode, below: PyNode): Condition | null {
  if (outer.kind === 'try_statement' && outer.field('body') === below) return 'try'
  if (outer.kind === 'except_clause') return 'try'
  if (outer.kind === 'function_definition' || outer.kind === 'lambda') return 'function'
  if (outer.kind !== 'if_statement') return null
  return /\bTYPE_CHECKING\b/.test(outer.field('condition')?.text ?? '') ? 'type-checking' : 'if'
}

/** The innermost condition counts; an ImportError may be caught further out. */
function circumstances(node: PyNode): {condition: Condition | null; guarded: boolean} {
  let condition: Condition | null = null
  let guarded = false
  let below = node
  for (const outer of node.ancestors()) {
    condition ??= conditionIn(outer, below)
    guarded ||= outer.kind === 'try_statement' && outer.field('body') === below && catchesImportErrors(outer)
    below = outer
  }

  return {condition, guarded}
}

function isAssigned(node: PyNode): boolean {
  const parent = node.parent!
  return (
    (parent.kind === 'assignment' && parent.field('left') === node) ||
    parent.kind === 'delete_statement' ||
    (parent.kind === 'pattern_list' && parent.parent?.kind === 'assignment')
  )
}

/** `module.X` wherever it is read, for a module known as `local`, dotted or not; and `getattr(module, "X")`. */
function attributeUses(file: PyModule, local: string): UsedName[] {
  const names: UsedName[] = []
  for (const node of file.root.all('attribute', 'call')) {
    if (node.kind === 'attribute') {
      if (node.field('object')!.text !== local) continue
      const name = node.field('attribute')!
      if (!isAssigned(node)) names.push({name: name.text, via: 'attribute', node: name})
    } else if (node.field('function')!.text === 'getattr') {
      const [object, name, fallback] = node.field('arguments')!.children
      const value = name ? stringValue(name) : null
      if (value && !fallback && object?.text === local) names.push({name: value, via: 'attribute', node: name!})
    }
  }

  return names
}

/** Names that a star import may have brought: read somewhere and bound nowhere. */
function starUses(file: PyModule): UsedName[] {
  const bound = boundAnywhere(file.root)
  const first = new Map<string, PyNode>()
  for (const node of nameUses(file.root))
    if (!bound.has(node.text) && !isBuiltin(node.text) && !first.has(node.text)) first.set(node.text, node)
  return [...first].map(([name, node]) => ({name, via: 'star', node}))
}

export interface ReferenceFinder {
  /** Whether this last part of a dotted name is one of the modules looked for. */
  isStem(name: string): boolean
}

function lastPart(dotted: string): string {
  return dotted.split('.').at(-1)!
}

function* importStatements(file: PyModule, statement: PyNode, finder: ReferenceFinder): Generator<RawReference> {
  for (const child of statement.children) {
    const dotted = child.kind === 'aliased_import' ? child.field('name')! : child
    if (!finder.isStem(lastPart(dotted.text))) continue
    const local = child.kind === 'aliased_import' ? child.field('alias')!.text : dotted.text
    yield {
      form: 'import',
      module: dotted.text,
      node: statement,
      ...circumstances(statement),
      names: attributeUses(file, local),
    }
  }
}

function* fromStatements(file: PyModule, statement: PyNode, finder: ReferenceFinder): Generator<RawReference> {
  const moduleNode = statement.field('module_name')!
  const module = moduleNode.text.replaceAll(/\s/g, '')
  const imported = statement.children.filter((child) => child !== moduleNode)
  if (finder.isStem(lastPart(module))) {
    const isStar = imported.some((child) => child.kind === 'wildcard_import')
    const names = isStar
      ? starUses(file)
      : imported.map((child) => ({name: (child.field('name') ?? child).text, via: 'import' as const, node: child}))
    yield {form: isStar ? 'star' : 'from', module, node: statement, ...circumstances(statement), names}
    return
  }

  for (const child of imported) {
    const name = (child.field('name') ?? child).text
    if (child.kind === 'wildcard_import' || !finder.isStem(name)) continue
    const local = child.field('alias')?.text ?? name
    yield {
      form: 'from-package',
      module: module.endsWith('.') ? module + name : `${module}.${name}`,
      node: statement,
      ...circumstances(statement),
      names: attributeUses(file, local),
    }
  }
}

/** Where the result of a call that imports goes: the name of a variable, or null. */
function assignedTo(call: PyNode): string | null {
  const parent = call.parent!
  const left = parent.kind === 'assignment' && parent.field('right') === call ? parent.field('left') : null
  return left?.kind === 'identifier' || left?.kind === 'attribute' ? left.text : null
}

/** The text of an argument: a literal, or a name that the module sets to a literal. */
function textOf(file: PyModule, node: PyNode): string | null {
  if (node.kind !== 'identifier') return stringValue(node)
  for (const assignment of file.root.all('assignment'))
    if (assignment.field('left')?.text === node.text) {
      const right = assignment.field('right')
      return right ? stringValue(right) : null
    }

  return null
}

/** Strings among the arguments that may name a module, `import_module(".m", package="a.b")` put together. */
function namedModules(file: PyModule, call: PyNode): Array<{text: string; node: PyNode}> {
  const args = call.field('arguments')?.children ?? []
  const [first, second] = args
  const relative = first ? textOf(file, first) : null
  const packageNode = second?.kind === 'keyword_argument' ? second.field('value') : second
  const packageName = packageNode ? textOf(file, packageNode) : null
  if (packageName && relative?.startsWith('.')) {
    const levels = /^\.+/.exec(relative)![0].length
    const parts = packageName.split('.')
    const base = parts.slice(0, parts.length - (levels - 1))
    return [{text: [...base, relative.slice(levels)].join('.'), node: first!}]
  }

  return args.flatMap((argument) => {
    const nodes = argument.kind === 'identifier' ? [argument] : argument.all('concatenated_string', 'string')
    return nodes
      .filter((node) => node.parent?.kind !== 'concatenated_string')
      .map((node) => ({text: textOf(file, node) ?? '', node}))
  })
}

function* stringCalls(file: PyModule, call: PyNode, finder: ReferenceFinder): Generator<RawReference> {
  const fn = call.field('function')!.text
  const form = STRING_IMPORTS.test(fn) ? 'string' : PATH_IMPORTS.test(fn) ? 'path' : PATCHES.test(fn) ? 'patch' : null
  if (!form) return
  const found = namedModules(file, call).flatMap(({text, node}) => stringReference(form, text, finder, node) ?? [])
  // The file's path says more than the name that is given to it.
  const reference = found.find((candidate) => candidate.form === 'path') ?? found[0]
  if (!reference) return
  const local = form === 'patch' ? null : assignedTo(call)
  const names = [...reference.names, ...(local ? attributeUses(file, local) : [])]
  yield {form: reference.form, module: reference.module, node: call, ...circumstances(call), names}
}

function stringReference(
  form: 'patch' | 'path' | 'string',
  value: string,
  finder: ReferenceFinder,
  node: PyNode,
): Pick<RawReference, 'form' | 'module' | 'names'> | null {
  if (/\.pyw?$/.test(value)) {
    const stem = value
      .split(/[/\\]/)
      .at(-1)!
      .replace(/\.pyw?$/, '')
    return finder.isStem(stem) ? {form: 'path', module: value, names: []} : null
  }

  if (!/^\.*[\p{ID_Start}_][\p{ID_Continue}.]*$/u.test(value)) return null
  const parts = value.split('.')
  const at = parts.findLastIndex((part) => finder.isStem(part))
  if (at === -1) return null
  const rest = parts.slice(at + 1)
  const module = parts.slice(0, at + 1).join('.')
  if (form === 'patch')
    return {form, module, names: rest.slice(0, 1).map((name) => ({name, via: 'patch' as const, node}))}
  return rest.length === 0 ? {form: 'string', module, names: []} : null
}

function referencesAt(file: PyModule, node: PyNode, finder: ReferenceFinder): Iterable<RawReference> {
  if (node.kind === 'import_statement') return importStatements(file, node, finder)
  if (node.kind === 'import_from_statement') return fromStatements(file, node, finder)
  return node.kind === 'call' ? stringCalls(file, node, finder) : []
}

/** Everything in a file that imports, loads or patches a module whose name `finder` knows, in the order of the text. */
export function findReferences(file: PyModule, finder: ReferenceFinder): RawReference[] {
  return [...file.root.walk()].flatMap((node) => [...referencesAt(file, node, finder)])
}

/** An absolute import of the file, for finding out what it needs on sys.path. */
export interface AbsoluteImport {
  readonly name: string
  readonly statement: PyNode
}

/** First parts of what the file imports absolutely at its own level, `a` for `import a.b`. */
export function absoluteImports(file: PyModule): AbsoluteImport[] {
  return [...scopeNodes(file.root)].flatMap((statement) => {
    if (statement.kind === 'import_statement')
      return statement.children.map((child) => ({
        name: (child.field('name') ?? child).text.split('.', 1)[0]!,
        statement,
      }))
    const module = statement.kind === 'import_from_statement' ? statement.field('module_name') : null
    return module?.kind === 'dotted_name' ? [{name: module.text.split('.', 1)[0]!, statement}] : []
  })
}
