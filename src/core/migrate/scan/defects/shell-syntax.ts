import {type PyNode, stringValue} from '../tree.ts'
import {defectAt, type Detector} from './defect.ts'

/** `${NAME}`, `${NAME:-default}` or `$(command)`. */
const SHELL_SYNTAX = /\$\{[A-Za-z_]\w*(?::?[-=+?][^}]*)?\}?|\$\([^)]*\)?/

/** Calls whose arguments are paths; the last part of the name is enough. */
const PATH_CALLS = new Set([
  'Path',
  'PurePath',
  'PosixPath',
  'WindowsPath',
  'PurePosixPath',
  'join',
  'joinpath',
  'abspath',
  'realpath',
  'normpath',
  'exists',
  'isfile',
  'isdir',
  'dirname',
  'expanduser',
  'open',
  'listdir',
  'scandir',
  'walk',
  'makedirs',
  'mkdir',
  'glob',
  'iglob',
  'insert',
  'append',
  'chdir',
  'stat',
])

const PATH_NAME = /(?:path|dir|folder|root|file|home)s?$/i

/** Nodes between a string and what makes it a path. */
const TRANSPARENT = new Set([
  'argument_list',
  'binary_operator',
  'concatenated_string',
  'parenthesized_expression',
  'conditional_expression',
  'boolean_operator',
  'list',
  'tuple',
  'keyword_argument',
  'return_statement',
  'block',
])

function isPathCall(node: PyNode): boolean {
  const name = node.field('function')?.text ?? ''
  const last = name.split('.').at(-1)!
  if (['append', 'insert', 'join'].includes(last)) return /(?:^|\.)path\.(?:append|insert|join)$/.test(name)
  return PATH_CALLS.has(last)
}

function isUsedAsPath(string: PyNode): boolean {
  for (const node of string.ancestors()) {
    if (node.kind === 'call') return isPathCall(node)
    if (node.kind === 'assignment') return PATH_NAME.test(node.field('left')?.text ?? '')
    if (node.kind === 'function_definition') return PATH_NAME.test(node.field('name')!.text)
    if (!TRANSPARENT.has(node.kind)) return false
  }

  return false
}

/**
 * Defect 1.
 *
 * @yields {object} once a string
 */
export const shellSyntaxInPaths: Detector = function* (file) {
  for (const node of file.root.all('string')) {
    // Interpolation is looked at as written: `f"${x}"` has a dollar sign before a Python value and no shell syntax.
    const match = SHELL_SYNTAX.exec(stringValue(node) ?? '')
    if (match && isUsedAsPath(node))
      yield defectAt(
        'shell-syntax-in-path',
        node,
        `"${match[0]}" stays as it is: Python does not expand shell syntax in a path`,
      )
  }
}
