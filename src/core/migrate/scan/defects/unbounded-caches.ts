import type {PyNode} from '../tree.ts'

import {type Defect, defectAt, type Detector} from './defect.ts'
import {type Change, changesIn} from './state.ts'

const CONTAINER_CALLS = new Set(['Counter', 'OrderedDict', 'defaultdict', 'deque', 'dict', 'list', 'set', 'WeakSet'])

function isUnboundedContainer(value: PyNode | null): boolean {
  if (!value) return false
  if (['dictionary', 'list', 'set'].includes(value.kind)) return true
  if (value.kind !== 'call') return false
  const name = value.field('function')!.text.split('.').at(-1)!
  return CONTAINER_CALLS.has(name) && !/\bmaxlen\s*=\s*(?!None)/.test(value.field('arguments')?.text ?? '')
}

function isWithin(node: PyNode, outer: PyNode): boolean {
  return node.start >= outer.start && node.end <= outer.end
}

/**
 * Containers that `scope` makes in `birthplace`, and what happens to them elsewhere in it.
 *
 * @yields {Defect} once a container, where it grows
 */
function* growingContainers(scope: PyNode, birthplace: PyNode, isOurs: (target: string) => boolean): Generator<Defect> {
  const changes = changesIn(scope).filter((change) => isOurs(change.target))
  const born = new Map<string, Change>()
  for (const change of changes)
    if (change.kind === 'assign' && isBornIn(change, birthplace) && isUnboundedContainer(change.node.field('right')))
      born.set(change.target, change)
  for (const [target, birth] of born) {
    const later = changes.filter(
      (change) => change.target === target && change !== birth && !isBornIn(change, birthplace),
    )
    const growth = later.find((change) => change.kind === 'grow')
    const shrinks = later.some((change) => change.kind === 'shrink' || change.kind === 'assign')
    if (growth && !shrinks)
      yield defectAt(
        'unbounded-cache',
        growth.node,
        `"${target}", made in line ${birth.node.position.line}, grows here and nothing ever takes an entry out of it`,
      )
  }
}

/** Whether a change happens while the container's owner is set up: in `__init__`, or at the top of the module. */
function isBornIn(change: Change, birthplace: PyNode): boolean {
  return isWithin(change.node, birthplace) && change.node.closest('function_definition', 'module') === birthplace
}

/**
 * Defect 3: attributes made in `__init__` and containers of the module.
 *
 * @yields {Defect} once a container
 */
export const unboundedCaches: Detector = function* (file) {
  for (const classNode of file.root.all('class_definition')) {
    const init = classNode.all('function_definition').find((node) => node.field('name')?.text === '__init__')
    if (init) yield* growingContainers(classNode, init, (target) => target.startsWith('self.'))
  }

  yield* growingContainers(file.root, file.root, (target) => /^\w+$/.test(target))
}
