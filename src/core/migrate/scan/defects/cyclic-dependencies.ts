import type {PyNode} from '../tree.ts'

import {type Defect, defectAt, type Detector} from './defect.ts'
import {changesIn} from './state.ts'

const DEPENDENCIES = /dependenc|\bdeps\b|depends_on/

function isCallOf(call: PyNode, name: string): boolean {
  return [name, `self.${name}`, `cls.${name}`].includes(call.field('function')!.text)
}

/** Containers that are asked with `in` or `not in`. */
function askedContainers(scope: PyNode): Set<string> {
  const names = new Set<string>()
  for (const comparison of scope.all('comparison_operator'))
    if (/\bin\b/.test(comparison.text)) names.add(comparison.children.at(-1)!.text)
  return names
}

/** A function that remembers where it is before it goes deeper, and asks, cannot run in circles. */
function remembersItsWay(fn: PyNode, firstCall: PyNode): boolean {
  const asked = askedContainers(fn)
  return changesIn(fn).some(
    (change) =>
      change.kind === 'grow' &&
      change.node.start < firstCall.start &&
      !isWithin(firstCall, change.node) &&
      asked.has(change.target),
  )
}

function isWithin(node: PyNode, outer: PyNode): boolean {
  return node.start >= outer.start && node.end <= outer.end
}

function* endlessRecursion(fn: PyNode): Generator<Defect> {
  const name = fn.field('name')!.text
  const call = fn.all('call').find((node) => isCallOf(node, name))
  if (call && DEPENDENCIES.test(fn.text) && !remembersItsWay(fn, call))
    yield defectAt(
      'cyclic-dependencies',
      call,
      `"${name}" calls itself along the dependencies and keeps no record of its way: a cycle never ends`,
    )
}

/** Whether the loop ends for certain or notices that nothing is ready: `if not ready`, or a record of what was seen. */
function hasWayOut(loop: PyNode): boolean {
  const asked = askedContainers(loop)
  if (changesIn(loop).some((change) => change.kind === 'grow' && asked.has(change.target))) return true
  for (const node of loop.field('body')!.walk()) {
    if (['break_statement', 'raise_statement', 'return_statement'].includes(node.kind)) return true
    if (node.kind === 'if_statement' && /^not \w+$/.test(node.field('condition')?.text ?? '')) return true
    if (node.kind === 'else_clause' && node.parent?.kind === 'if_statement') return true
  }

  return false
}

/** Whether a membership test or removal inside the loop walks a list, which makes the loop quadratic at least. */
function walksLists(loop: PyNode, fn: PyNode): boolean {
  const lists = new Set(
    fn
      .all('assignment')
      .filter((node) => {
        const value = node.field('right')
        return (
          value?.kind === 'list' || value?.kind === 'list_comprehension' || /^(?:list|sorted)\(/.test(value?.text ?? '')
        )
      })
      .map((node) => node.field('left')!.text),
  )
  const removes = changesIn(loop).some(
    (change) => change.node.kind === 'call' && change.node.text.includes('.remove(') && lists.has(change.target),
  )
  const asks = loop.all('comparison_operator').some((node) => {
    const container = node.children.at(-1)!
    return /\bin\b/.test(node.text) && (container.kind === 'list_comprehension' || lists.has(container.text))
  })
  return removes || asks
}

function* loopsOver(fn: PyNode): Generator<Defect> {
  if (!DEPENDENCIES.test(fn.text)) return
  const name = fn.field('name')!.text
  for (const loop of fn.all('while_statement')) {
    if (loop.closest('function_definition') !== fn || loop.all('for_statement', 'list_comprehension').length === 0)
      continue
    if (!hasWayOut(loop))
      yield defectAt(
        'cyclic-dependencies',
        loop,
        `"${name}" loops until all is resolved and has no way out when a cycle leaves nothing ready`,
      )
    if (walksLists(loop, fn))
      yield defectAt(
        'cyclic-dependencies',
        loop,
        `"${name}" searches lists inside its loops: quadratic in the number of tasks, or worse`,
      )
  }
}

/**
 * Defect 6.
 *
 * @yields {Defect} by function
 */
export const cyclicDependencies: Detector = function* (file) {
  for (const fn of file.root.all('function_definition')) {
    yield* endlessRecursion(fn)
    yield* loopsOver(fn)
  }
}
