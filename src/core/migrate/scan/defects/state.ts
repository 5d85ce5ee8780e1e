import type {PyNode} from '../tree.ts'

/** A place where a container or attribute is changed. */
export interface Change {
  /** As written, `self.cache` or `CACHE`. */
  readonly target: string
  readonly kind: 'assign' | 'grow' | 'shrink' | 'update'
  readonly node: PyNode
}

const GROWING = new Set(['add', 'append', 'appendleft', 'extend', 'insert', 'setdefault', 'update'])
const SHRINKING = new Set(['clear', 'discard', 'pop', 'popitem', 'popleft', 'remove', 'move_to_end'])

function isLiteralKey(subscript: PyNode): boolean {
  const keys = subscript.children.slice(1)
  return keys.every((key) => key.kind === 'string' || key.kind === 'integer')
}

/** `self.x["a"]["b"]` → `self.x`, and whether a key on the way is computed. */
function subscripted(node: PyNode): {target: PyNode; computedKey: boolean} {
  let target = node
  let computedKey = false
  while (target.kind === 'subscript') {
    computedKey ||= !isLiteralKey(target)
    target = target.field('value')!
  }

  return {target, computedKey}
}

function isNamed(node: PyNode): boolean {
  return node.kind === 'identifier' || (node.kind === 'attribute' && /^\w+\.\w+$/.test(node.text))
}

function* changesByAssignment(statement: PyNode): Generator<Change> {
  const left = statement.field('left')
  for (const part of left?.kind === 'pattern_list' ? left.children : left ? [left] : []) {
    const {target, computedKey} = subscripted(part)
    if (!isNamed(target)) continue
    const kind =
      part.kind === 'subscript'
        ? computedKey
          ? 'grow'
          : 'update'
        : statement.kind === 'assignment'
          ? 'assign'
          : 'update'
    yield {target: target.text, kind, node: statement}
  }
}

function* changesByCall(call: PyNode): Generator<Change> {
  const method = call.field('function')
  if (method?.kind !== 'attribute') return
  const {target} = subscripted(method.field('object')!)
  if (!isNamed(target)) return
  const name = method.field('attribute')!.text
  if (GROWING.has(name)) yield {target: target.text, kind: 'grow', node: call}
  if (SHRINKING.has(name)) yield {target: target.text, kind: 'shrink', node: call}
}

function* changesByDeletion(statement: PyNode): Generator<Change> {
  for (const node of statement.all('subscript')) {
    const {target} = subscripted(node)
    if (isNamed(target)) yield {target: target.text, kind: 'shrink', node: statement}
  }
}

function changesOf(node: PyNode): Iterable<Change> {
  if (node.kind === 'call') return changesByCall(node)
  if (node.kind === 'delete_statement') return changesByDeletion(node)
  return node.kind.endsWith('assignment') ? changesByAssignment(node) : []
}

/** Every change of something named within `scope`, in the order of the text. */
export function changesIn(scope: PyNode): Change[] {
  return [...scope.walk()].flatMap((node) => [...changesOf(node)])
}

/** Methods of a class by name, or functions of a scope: those directly in it. */
export function functionsIn(scope: PyNode): Map<string, PyNode> {
  const functions = new Map<string, PyNode>()
  for (const node of scope.walk((inner) => inner.kind !== 'function_definition' && inner.kind !== 'class_definition'))
    if (node !== scope && node.kind === 'function_definition') functions.set(node.field('name')!.text, node)
  return functions
}
