import type {PyNode} from '../tree.ts'

import {type Defect, defectAt, type Detector} from './defect.ts'
import {changesIn, functionsIn} from './state.ts'

/** Calls that let what they are given run beside the caller. */
const SPAWNERS =
  /(?:^|\.)(?:Process|Thread|Timer|as_completed|create_task|ensure_future|gather|run_coroutine_threadsafe|run_in_executor|start_new_thread|start_soon|submit|to_thread|wait)$/

/** `pool.map`, but not the builtin. */
const POOL_MAP = /(?:executor|pool)\w*\.(?:apply_async|imap|imap_unordered|map|map_async|starmap)$/i

const GUARD = /lock|mutex|condition/i

function isSpawn(call: PyNode): boolean {
  const name = call.field('function')!.text
  return SPAWNERS.test(name) || POOL_MAP.test(name)
}

/** The method or nested function that an expression refers to: `self.run`, `run`. */
function referredName(node: PyNode): string | null {
  if (node.kind === 'identifier') return node.text
  const match = node.kind === 'attribute' ? /^(?:self|cls)\.(\w+)$/.exec(node.text) : null
  return match ? match[1]! : null
}

/** Names of what `method` starts beside itself. Coroutines collected for a later gather count: they are not awaited. */
function spawnedBy(method: PyNode): Set<string> {
  const names = new Set<string>()
  const spawns = method.all('call').filter((call) => isSpawn(call))
  for (const spawn of spawns)
    for (const node of spawn.field('arguments')?.walk() ?? []) {
      const name = referredName(node)
      if (name) names.add(name)
    }

  if (spawns.length > 0)
    for (const call of method.all('call')) {
      const name = referredName(call.field('function')!)
      if (name && call.parent!.kind !== 'await' && !isSpawn(call)) names.add(name)
    }

  return names
}

function isGuarded(node: PyNode, within: PyNode): boolean {
  for (const outer of node.ancestors()) {
    if (outer === within) return false
    if (outer.kind !== 'with_statement') continue
    const clause = outer.children.find((child) => child.kind === 'with_clause')
    if (GUARD.test(clause?.text ?? '')) return true
  }

  return false
}

/** Functions that may run at the same time as another part of the class, by name, what they call included. */
function concurrentFunctions(functions: ReadonlyMap<string, PyNode>): Map<string, PyNode> {
  const found = new Map<string, PyNode>()
  const queue = [...functions.values()].flatMap((method) => [...spawnedBy(method)])
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const node = functions.get(name)
    if (!node || found.has(name)) continue
    found.set(name, node)
    for (const call of node.all('call')) {
      const called = referredName(call.field('function')!)
      if (called) queue.push(called)
    }
  }

  return found
}

function* unguardedChanges(classNode: PyNode): Generator<Defect> {
  const methods = functionsIn(classNode.field('body')!)
  // Nested functions too: `async def limited(task)` inside the method that gathers.
  const nested = [...methods.values()].flatMap((method) => [...functionsIn(method.field('body')!)])
  const functions = new Map([...nested, ...methods])
  const told = new Set<string>()
  for (const [name, node] of concurrentFunctions(functions))
    for (const {target, node: place} of changesIn(node)) {
      const isNews = target.startsWith('self.') && !told.has(target) && !isGuarded(place, node)
      if (isNews) yield defectAt('unguarded-shared-state', place, explain(target, name))
      if (isNews) told.add(target)
    }
}

function explain(target: string, name: string): string {
  return `"${target}" is changed in "${name}", which runs several times at once, without a lock`
}

/**
 * Defect 5.
 *
 * @yields {Defect} once an attribute, at its first change
 */
export const unguardedSharedState: Detector = function* (file) {
  for (const classNode of file.root.all('class_definition')) yield* unguardedChanges(classNode)
}
