/**
 * The envelope of one line: which fields an operation has and of what type. Tensors are left unread here (`inputs` is
 * anything); they are the hot path and have loops of their own.
 */
import * as z from 'zod'

import {
  type OperationType,
  PRIORITIES,
  ROUTING_METHODS,
  SIGNAL_BACKENDS,
  SIGNAL_DEVICES,
  SIGNAL_FAMILIES,
} from '../engine/engine.ts'
import {type ErrorCode, NpuBridgeError} from '../errors.ts'
import {framingSchema} from '../framing/framing.ts'
import {fieldError, fieldPath, type PathPart, showValue} from './fields.ts'
import {nameSuggestions, nearestName} from './nearest.ts'

/** The longest timeout that a timer can hold, in milliseconds. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

const common = {
  id: z.union([z.string(), z.number(), z.bigint()]).optional(),
  priority: z.enum(PRIORITIES).optional(),
  timeout_ms: z.number().positive().max(LONGEST_TIMEOUT_MS).optional(),
}
const name = z.string().min(1)
const dimensions = z.array(z.int().nonnegative())
const anything = z.unknown()

const agent = z.strictObject({
  name,
  description: z.string().optional(),
  examples: z.array(z.string()).optional(),
  priority: z.int().optional(),
})

/** By type; a field that is not named here is refused. `model` is optional because `--model` may give it. */
const SCHEMAS = {
  initialize: z.strictObject({type: z.literal('initialize'), ...common}),
  load_model: z.strictObject({
    type: z.literal('load_model'),
    ...common,
    model: name.optional(),
    shapes: z.record(z.string(), dimensions).optional(),
  }),
  unload_model: z.strictObject({type: z.literal('unload_model'), ...common, model: name.optional()}),
  inference: z.strictObject({
    type: z.literal('inference'),
    ...common,
    model: name.optional(),
    inputs: anything,
    stream: name.optional(),
    end_of_stream: z.boolean().optional(),
    frames: framingSchema.optional(),
    outputs: z.array(z.string()).min(1).optional(),
  }),
  matrix_multiply: z.strictObject({
    type: z.literal('matrix_multiply'),
    ...common,
    inputs: anything,
    outputs: z.array(z.string()).min(1).optional(),
  }),
  echo: z.strictObject({type: z.literal('echo'), ...common, data: anything.optional()}),
  health_check: z.strictObject({type: z.literal('health_check'), ...common}),
  statistics: z.strictObject({type: z.literal('statistics'), ...common}),
  benchmark: z.strictObject({
    type: z.literal('benchmark'),
    ...common,
    kind: z.enum(['echo', 'inference', 'matrix_multiply']),
    duration_ms: z.number().positive().max(LONGEST_TIMEOUT_MS),
    model: name.optional(),
  }),
  route: z.strictObject({
    type: z.literal('route'),
    ...common,
    description: name.optional(),
    descriptions: z.array(z.string()).optional(),
    agents: z.union([name, z.array(agent)]).optional(),
    method: z.enum(ROUTING_METHODS).optional(),
    head: name.optional(),
    top_k: z.int().min(0).optional(),
    threshold: z.number().optional(),
  }),
  embed: z.strictObject({
    type: z.literal('embed'),
    ...common,
    texts: z.array(z.string()),
    model: name.optional(),
    outputs: z.array(z.string()).min(1).optional(),
  }),
  signal: z.strictObject({
    type: z.literal('signal'),
    ...common,
    operation: z.enum(SIGNAL_FAMILIES).optional(),
    parameters: z.record(z.string(), anything).optional(),
    steps: z
      .array(
        z.strictObject({
          operation: z.enum(SIGNAL_FAMILIES),
          parameters: z.record(z.string(), anything).optional(),
        }),
      )
      .min(1)
      .optional(),
    data: anything,
    inputs: z.record(z.string(), anything).optional(),
    complex: z.boolean().optional(),
    backend: z.enum(SIGNAL_BACKENDS).optional(),
    device: z.enum(SIGNAL_DEVICES).optional(),
    time_limit_ms: z.number().int().positive().optional(),
    stream: name.optional(),
    end_of_stream: z.boolean().optional(),
    outputs: z.array(z.string()).min(1).optional(),
  }),
  workflow: z.strictObject({
    type: z.literal('workflow'),
    ...common,
    tasks: z.array(
      z.strictObject({
        id: name,
        agent: name.optional(),
        description: z.string().optional(),
        priority: z.int().min(1).max(100).optional(),
        dependencies: z.array(name).optional(),
      }),
    ),
    max_parallel: z.int().min(1).optional(),
    agents: z.union([name, z.array(agent)]).optional(),
  }),
} as const satisfies Record<OperationType, z.ZodObject>

type Envelopes = {[T in OperationType]: z.output<(typeof SCHEMAS)[T]>}
export type Envelope = Envelopes[OperationType]
export type EnvelopeOf<T extends OperationType> = Envelopes[T]

const TYPES = Object.keys(SCHEMAS) as OperationType[]

/** What may stand for an id, and what its results carry. */
export type OperationId = bigint | number | string

/** The id of a parsed line that may be wrong in every other way. */
export function idOf(value: unknown): OperationId | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined
  const {id} = value
  return typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint' ? id : undefined
}

/**
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming the path of a field that is missing, unknown or of the wrong type, and
 *   the nearest known name; UNSUPPORTED_OPERATION for an unknown type.
 */
export function parseEnvelope(value: unknown): Envelope {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `the line is ${showValue(value)}, it must be an object`, {
      suggestions: ['{"type": "echo", "data": "hello"}'],
    })
  }

  const {type} = value as {type?: unknown}
  if (typeof type !== 'string' || !Object.hasOwn(SCHEMAS, type)) throw unknownType(type)
  const parsed = SCHEMAS[type as OperationType].safeParse(value, {reportInput: true})
  if (parsed.success) {
    const {data} = parsed
    if (data.type === 'route' && data.description === undefined && data.descriptions === undefined) {
      throw fieldError('description', 'is missing')
    }

    return data
  }

  throw envelopeError(parsed.error.issues, value, Object.keys(SCHEMAS[type as OperationType].shape))
}

function unknownType(type: unknown): NpuBridgeError {
  const suggestions = nameSuggestions(String(type), TYPES, 'types')
  if (type === undefined) return fieldError('type', 'is missing', {suggestions: suggestions.slice(-1)})
  const code: ErrorCode = typeof type === 'string' ? 'UNSUPPORTED_OPERATION' : 'INVALID_ARGUMENT'
  return fieldError('type', `is ${showValue(type)}, which is not an operation`, {code, suggestions})
}

/** More problems than this in one line say no more than these. */
const MOST_PROBLEMS = 3

function envelopeError(issues: readonly z.core.$ZodIssue[], value: object, fields: readonly string[]): NpuBridgeError {
  const problems = issues.flatMap((issue) => describeIssue(issue, value, fields)).slice(0, MOST_PROBLEMS)
  return new NpuBridgeError('INVALID_ARGUMENT', problems.map(({text}) => text).join('; '), {
    suggestions: problems.flatMap(({suggestions}) => suggestions),
  })
}

interface Problem {
  readonly text: string
  readonly suggestions: readonly string[]
}

function describeIssue(issue: z.core.$ZodIssue, value: object, fields: readonly string[]): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      suggestions: nameSuggestions(key, fields, 'fields'),
      text: `${fieldPath([...issue.path, key] as PathPart[])} is not a field of this operation`,
    }))
  }

  const path = fieldPath(issue.path as PathPart[])
  const found = valueAt(value, issue.path)
  if (found === undefined) return [{suggestions: [], text: `${path} is missing`}]
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String)
    const nearest = typeof found === 'string' ? nearestName(found, known) : undefined
    const suggestions = nearest === undefined ? [] : [`did you mean "${nearest}"?`]
    return [{suggestions, text: `${path} is ${showValue(found)}, it must be one of ${known.join(', ')}`}]
  }

  return [{suggestions: [], text: `${path} is ${showValue(found)}, it must be ${requirement(issue)}`}]
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const part of path) at = (at as Record<PropertyKey, unknown>)[part]
  return at
}

function requirement(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return TYPE_WORDS[issue.expected] ?? issue.expected
  if (issue.code === 'invalid_union') return 'a string or a number'
  if (issue.code === 'too_big') return `at most ${issue.maximum}`
  if (issue.code !== 'too_small') return issue.message
  if (issue.origin === 'string' || issue.origin === 'array') return 'not empty'
  return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  record: 'an object',
  string: 'a string',
}
