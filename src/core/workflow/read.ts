/** Reads a workflow's file. */
import {readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {type Document, parseDocument} from 'yaml'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {fieldPath, type PathPart, showValue} from '../run/fields.ts'
import {nearestName} from '../run/nearest.ts'
import {type WorkflowDefinition, workflowDefinition} from './schema.ts'

/** Nobody writes more by hand, and a YAML parser takes hundreds of times that much memory. */
export const LARGEST_FILE = 4 * 1024 * 1024
/** Aliases that refer to aliases grow without end; a workflow has hardly use for one. */
const MOST_ALIASES = 100
const MOST_PROBLEMS = 5

export interface WorkflowFile {
  readonly file: string
  /** What paths in it are relative to. */
  readonly folder: string
  readonly text: string
  readonly definition: WorkflowDefinition
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for a file that cannot be read, CONFIG_INVALID for one that is wrong */
export async function readWorkflow(file: string): Promise<WorkflowFile> {
  const unreadable = (error: unknown): never => {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${file} cannot be read: ${asNpuBridgeError(error).message}`)
  }

  const {size} = await stat(file).catch(unreadable)
  if (size > LARGEST_FILE) {
    throw new NpuBridgeError('CONFIG_INVALID', `${file} has ${size} bytes, a workflow has at most ${LARGEST_FILE}`, {
      suggestions: ['a matrix makes many tasks out of one'],
    })
  }

  const text = await readFile(file, 'utf8').catch(unreadable)
  const absolute = path.resolve(file)
  return {file: absolute, folder: path.dirname(absolute), text, definition: parseWorkflow(text, file)}
}

/** @throws {NpuBridgeError} CONFIG_INVALID naming file, line and field */
export function parseWorkflow(text: string, file: string): WorkflowDefinition {
  // JSON is YAML, too.
  const document = parseDocument(text, {prettyErrors: true})
  const [error] = document.errors
  if (error) throw new NpuBridgeError('CONFIG_INVALID', `${file} is not YAML: ${error.message.split('\n', 1)[0]}`)
  const parsed = workflowDefinition.safeParse(toValue(document, file), {reportInput: true})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.flatMap((issue) => describe(issue)).slice(0, MOST_PROBLEMS)
  throw new NpuBridgeError('CONFIG_INVALID', `${file}: ${problems.map(({text: problem}) => problem).join('; ')}`, {
    suggestions: problems.flatMap(({suggestion}) => suggestion ?? []),
  })
}

function toValue(document: Document, file: string): unknown {
  try {
    return document.toJS({maxAliasCount: MOST_ALIASES})
  } catch (error) {
    throw new NpuBridgeError('CONFIG_INVALID', `${file}: ${asNpuBridgeError(error).message}`, {
      suggestions: ['write the values out instead of referring to them by aliases'],
    })
  }
}

interface Problem {
  readonly text: string
  readonly suggestion?: string
}

const FIELDS = [...Object.keys(workflowDefinition.shape), ...Object.keys(workflowDefinition.shape.tasks.element.shape)]

function describe(issue: {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly input?: unknown
  readonly keys?: readonly string[]
}): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) => {
      const nearest = nearestName(key, FIELDS)
      const place = fieldPath([...issue.path, key] as PathPart[])
      return {text: `${place} is not a field`, ...(nearest && {suggestion: `did you mean "${nearest}"?`})}
    })
  }

  const place = issue.path.length === 0 ? 'the workflow' : fieldPath(issue.path as PathPart[])
  if (issue.input === undefined) return [{text: `${place} is missing`}]
  return [{text: `${place} is ${showValue(issue.input)}: ${issue.message}`}]
}
