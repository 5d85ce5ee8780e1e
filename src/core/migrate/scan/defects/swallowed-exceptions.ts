import type {PyNode} from '../tree.ts'

import {defectAt, type Detector} from './defect.ts'

const BROAD = new Set(['BaseException', 'Exception'])
const CONSTANTS = new Set([
  'dictionary',
  'ellipsis',
  'false',
  'float',
  'integer',
  'list',
  'none',
  'string',
  'true',
  'tuple',
])

/** What is caught: null for everything, by a bare `except:`. */
function caught(clause: PyNode): string | null {
  const type = clause.children.find((child) => child.kind !== 'block')
  if (!type) return null
  return type.kind === 'as_pattern' ? (type.children.at(0)?.text ?? null) : type.text
}

function isBroad(type: string | null): boolean {
  return type === null || type.split(/[(),\s]+/).some((name) => BROAD.has(name))
}

function drops(statement: PyNode): boolean {
  if (['break_statement', 'continue_statement', 'pass_statement'].includes(statement.kind)) return true
  if (statement.kind === 'expression_statement')
    return statement.children.every((child) => child.kind === 'ellipsis' || child.kind === 'string')
  if (statement.kind !== 'return_statement') return false
  // `return []` and `return None` say that all is well; what is computed may tell of the failure.
  return statement.children.every((child) => CONSTANTS.has(child.kind) && child.all('identifier').length === 0)
}

/**
 * Defect 4. Narrow handlers, `except KeyError: pass`, are a decision; broad ones hide what nobody thought of.
 *
 * @yields {object} once a handler
 */
export const swallowedExceptions: Detector = function* (file) {
  for (const clause of file.root.all('except_clause')) {
    const type = caught(clause)
    const body = clause.children.find((child) => child.kind === 'block')
    if (!isBroad(type) || !body?.children.every((statement) => drops(statement))) continue
    const last = body.children.at(-1)?.text ?? 'pass'
    yield defectAt(
      'swallowed-exception',
      clause,
      `"except${type === null ? '' : ` ${type}`}" answers every error with "${last}": it is neither logged nor passed on`,
    )
  }
}
