import {type PyNode, stringValue} from './tree.ts'

/** How a name came to be in a module. */
export interface Binding {
  readonly name: string
  readonly kind: 'assignment' | 'class' | 'function' | 'import'
  /** The statement that binds it. */
  readonly statement: PyNode
}

/** What a module gives to those who import it. */
export interface ModuleNames {
  readonly bindings: ReadonlyMap<string, Binding>
  /** The literal `__all__`, or null when there is none or it is computed. */
  readonly all: readonly string[] | null
  /** True when a star import or a module `__getattr__` may give names that cannot be read off the text. */
  readonly open: boolean
}

const NEW_SCOPES = new Set(['class_definition', 'function_definition', 'lambda'])

/**
 * Statements of the module's own scope, those inside `if`, `try`, `with` and loops included.
 *
 * @yields {PyNode} in the order of the text
 */
export function* scopeNodes(scope: PyNode): Generator<PyNode> {
  for (const node of scope.walk((inner) => !NEW_SCOPES.has(inner.kind))) if (node !== scope) yield node
}

function* targetNames(target: PyNode): Generator<PyNode> {
  if (target.kind === 'identifier') yield target
  else if (
    [
      'as_pattern_target',
      'expression_list',
      'list',
      'list_pattern',
      'list_splat_pattern',
      'parenthesized_expression',
      'pattern_list',
      'tuple',
      'tuple_pattern',
    ].includes(target.kind)
  )
    for (const child of target.children) yield* targetNames(child)
}

/** The names that an import statement binds, `import a.b` binding `a`. */
export function importedNames(statement: PyNode): Array<{name: string; node: PyNode}> {
  const moduleName = statement.field('module_name')
  return statement.children
    .filter((child) => child !== moduleName)
    .flatMap((child) => {
      if (child.kind === 'aliased_import') return [{name: child.field('alias')!.text, node: child}]
      if (child.kind !== 'dotted_name') return []
      return [{name: statement.kind === 'import_statement' ? child.text.split('.', 1)[0]! : child.text, node: child}]
    })
}

const ASSIGNING = new Set(['assignment', 'augmented_assignment', 'for_statement'])

const IMPORTS = new Set(['future_import_statement', 'import_from_statement', 'import_statement'])

function bindingsOf(node: PyNode): Binding[] {
  if (IMPORTS.has(node.kind))
    return importedNames(node).map(({name}) => ({name, kind: 'import' as const, statement: node}))
  if (node.kind === 'function_definition' || node.kind === 'class_definition')
    return [
      {name: node.field('name')!.text, kind: node.kind === 'class_definition' ? 'class' : 'function', statement: node},
    ]
  const target = targetOf(node)
  return target
    ? [...targetNames(target)].map(({text: name}) => ({name, kind: 'assignment' as const, statement: node}))
    : []
}

/** What a statement or expression assigns to; null when it is none that assigns. */
function targetOf(node: PyNode): PyNode | null {
  if (ASSIGNING.has(node.kind)) return node.field('left')
  if (node.kind === 'named_expression') return node.field('name')
  if (node.kind !== 'as_pattern') return null
  return node.children.find((child) => child.kind === 'as_pattern_target') ?? null
}

function literalAll(root: PyNode): string[] | null {
  for (const node of scopeNodes(root)) {
    if (node.kind !== 'assignment' || node.field('left')?.text !== '__all__') continue
    const value = node.field('right')
    if (value?.kind !== 'list' && value?.kind !== 'tuple') return null
    const names = value.children.map((child) => stringValue(child))
    return names.includes(null) ? null : (names as string[])
  }

  return null
}

/** What importers of the module with this root can ask for. A name bound more than once keeps its first binding. */
export function moduleNames(root: PyNode): ModuleNames {
  const bindings = new Map<string, Binding>()
  let open = false
  for (const node of scopeNodes(root)) {
    if (node.kind === 'wildcard_import') open = true
    for (const binding of bindingsOf(node)) if (!bindings.has(binding.name)) bindings.set(binding.name, binding)
  }

  if (bindings.has('__getattr__')) open = true
  return {bindings, all: literalAll(root), open}
}

/** Every name that is bound anywhere in the file, in whatever scope. */
export function boundAnywhere(root: PyNode): Set<string> {
  const names = new Set<string>()
  for (const node of root.walk()) {
    for (const {name} of bindingsOf(node)) names.add(name)
    for (const name of otherwiseBound(node)) names.add(name)
  }

  return names
}

/** Parameters, comprehension variables and the like. */
function otherwiseBound(node: PyNode): string[] {
  const textOf = ({text}: PyNode) => text
  switch (node.kind) {
    case 'lambda_parameters':
    case 'parameters': {
      return node.children.flatMap((parameter) => [...parameterNames(parameter)])
    }

    case 'for_in_clause': {
      return [...targetNames(node.field('left')!)].map(textOf)
    }

    case 'global_statement':
    case 'nonlocal_statement': {
      return node.children.map(textOf)
    }

    // Names of `match` patterns are not told apart from constants, which makes the answer cautious.
    case 'case_pattern':
    case 'type_parameter': {
      return node.all('identifier').map(textOf)
    }

    default: {
      return []
    }
  }
}

function* parameterNames(parameter: PyNode): Generator<string> {
  if (parameter.kind === 'identifier') yield parameter.text
  else {
    const name = parameter.field('name') ?? parameter.children.find((child) => child.kind !== 'type')
    if (name) yield* parameterNames(name)
  }
}

/**
 * Identifiers that are read as names: no attributes, keyword arguments, parameters or imported names.
 *
 * @yields {PyNode} in the order of the text
 */
export function* nameUses(root: PyNode): Generator<PyNode> {
  for (const node of root.all('identifier')) {
    const parent = node.parent!
    if (parent.kind === 'attribute' && parent.field('attribute') === node) continue
    if (parent.kind === 'keyword_argument' && parent.field('name') === node) continue
    if (parent.kind === 'dotted_name' || parent.kind === 'aliased_import') continue
    if (parent.kind === 'parameters' || parent.kind === 'lambda_parameters') continue
    if (parent.kind.endsWith('_definition') && parent.field('name') === node) continue
    if (parent.kind.endsWith('parameter') && parent.field('name') === node) continue
    if (parent.kind === 'global_statement' || parent.kind === 'nonlocal_statement') continue
    yield node
  }
}
