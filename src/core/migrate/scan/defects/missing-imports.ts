import {boundAnywhere, moduleNames, nameUses} from '../bindings.ts'
import {isBuiltin} from '../builtins.ts'
import {defectAt, type Detector} from './defect.ts'

/**
 * Defect 2. A star import may bring anything, so nothing is said of files with one.
 *
 * @yields {object} once a name, at its first use
 */
export const missingImports: Detector = function* (file) {
  if (moduleNames(file.root).open) return
  const bound = boundAnywhere(file.root)
  const uses = new Map<string, number>()
  const first = new Map<string, Parameters<typeof defectAt>[1]>()
  for (const node of nameUses(file.root)) {
    const name = node.text
    if (bound.has(name) || isBuiltin(name)) continue
    uses.set(name, (uses.get(name) ?? 0) + 1)
    if (!first.has(name)) first.set(name, node)
  }

  for (const [name, node] of first) {
    const count = uses.get(name)!
    const often = count === 1 ? 'used' : `used ${count} times`
    yield defectAt(
      'missing-import',
      node,
      `"${name}" is ${often} but never imported or defined: NameError when this runs`,
    )
  }
}
