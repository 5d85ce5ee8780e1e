/** What is wrong with a configuration, in words: the place, the value, what is allowed, and what was probably meant. */
import type {z} from 'zod'

import {EXIT, NpuBridgeError} from '../errors.ts'
import {fieldPath, type PathPart, showValue} from '../run/fields.ts'
import {nearestName} from '../run/nearest.ts'
import {allowedBy, configJsonSchema, configSchema, type JsonSchema} from './schema.ts'

/** One thing that is wrong, or that needs a look. */
export interface Problem {
  /** `queue.capacity` */
  readonly path: string
  readonly value: unknown
  /** What may stand there: a phrase, or names. */
  readonly allowed: string
  /** The name that was probably meant; null where none is close. */
  readonly nearest: null | string
  readonly message: string
}

/** What is wrong with `value`, nothing when it is a configuration. */
export function problemsOf(value: unknown): Problem[] {
  const result = configSchema.safeParse(value)
  return result.success ? [] : result.error.issues.flatMap((issue) => problemsFrom(issue, value))
}

type Issue = z.core.$ZodIssue

function problemsFrom(issue: Issue, root: unknown): Problem[] {
  const path = issue.path as PathPart[]
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], root))
  // Of several forms that a value may have, the one that fits it best tells most.
  if (issue.code === 'invalid_union') {
    const closest = issue.errors.find((issues) => issues.every(({path: inner}) => inner.length > 0))
    if (closest) {
      return closest.flatMap((inner) => problemsFrom({...inner, path: [...path, ...inner.path]}, root))
    }
  }

  const schema = schemaAt(path)
  const value = valueAt(root, path)
  const allowed =
    issue.code === 'invalid_key' ? 'letters, digits, dots, hyphens and underscores, a letter first' : allowedBy(schema)
  const nearest = schema.enum && typeof value === 'string' ? (nearestName(value, schema.enum) ?? null) : null
  const where = fieldPath(path) || 'the configuration'
  const said = issue.code === 'invalid_key' ? 'is not a name' : `is ${showValue(value)}`
  return [{path: fieldPath(path), value, allowed, nearest, message: `${where} ${said}, it must be ${allowed}`}]
}

function unknownKey(path: PathPart[], root: unknown): Problem {
  const names = Object.keys(schemaAt(path.slice(0, -1)).properties ?? {})
  const name = String(path.at(-1))
  const nearest = nearestName(name, names) ?? null
  const parent = fieldPath(path.slice(0, -1)) || 'the configuration'
  return {
    path: fieldPath(path),
    value: valueAt(root, path),
    allowed: names.join(', '),
    nearest,
    message: `${fieldPath(path)} is no setting: ${parent} has ${names.join(', ')}`,
  }
}

export function valueAt(root: unknown, path: readonly PathPart[]): unknown {
  let value = root
  for (const part of path) value = (value as Record<PathPart, unknown> | undefined)?.[part]
  return value
}

/** The schema of a place; an empty one where there is none. */
export function schemaAt(path: readonly PathPart[]): JsonSchema {
  let schema = configJsonSchema()
  for (const part of path) schema = schemaBelow(schema, part)
  return schema
}

function schemaBelow(schema: JsonSchema, part: PathPart): JsonSchema {
  const candidates = [schema, ...(schema.anyOf ?? [])]
  const found = candidates
    .map((each) => each.properties?.[part] ?? (typeof part === 'number' ? each.items : undefined))
    .find((each) => each !== undefined)
  if (found) return found
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
}

/**
 * The error that all `problems` make together.
 *
 * @param problems at least one
 * @param origin where the values come from: a file, a variable
 */
export function configInvalid(
  problems: readonly Problem[],
  origin?: (problem: Problem) => null | string,
): NpuBridgeError {
  const lines = problems.map((problem) => {
    const from = origin?.(problem)
    return from ? `${problem.message} (in ${from})` : problem.message
  })
  const [first] = problems
  const suggestions = [
    ...(first?.nearest ? [`did you mean "${first.nearest}"?`] : []),
    'Every setting and what it may be: npubridge config show',
  ]
  return new NpuBridgeError('CONFIG_INVALID', lines.join('\n  '), {exitCode: EXIT.usage, suggestions})
}
