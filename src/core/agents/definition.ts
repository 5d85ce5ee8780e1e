/** How an agent is written down, in the front matter of its file or in a workflow. */
import path from 'node:path'
import * as z from 'zod'

import type {Handler} from './agent.ts'

const DEFAULT_TIMEOUT_MS = 10 * 60 * 1000
const DEFAULT_OUTPUT_BYTES = 1024 * 1024
/** The longest time that a timer can hold. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024

const text = z.string().min(1)

/** The keys that say who does an agent's tasks. */
export const HANDLER_FIELDS = {
  command: z.array(z.string()).min(1).optional(),
  operation: z.looseObject({type: text}).optional(),
  env: z.array(z.string().regex(/^[A-Za-z_]\w*(?:=.*)?$/s, 'a name, or NAME=value')).optional(),
  cwd: text.optional(),
  timeout_ms: z.number().positive().max(LONGEST_TIMEOUT_MS).optional(),
  max_output_bytes: z.int().positive().max(MOST_OUTPUT_BYTES).optional(),
  output: z.enum(['json', 'text']).optional(),
  max_parallel: z.int().min(1).optional(),
} as const

const handlerSchema = z.strictObject(HANDLER_FIELDS)
export type HandlerDefinition = z.output<typeof handlerSchema>

/** An agent in a workflow or of a program. */
export const agentDefinition = z.strictObject({
  description: z.string().optional(),
  examples: z.array(text).optional(),
  priority: z.int().min(1).max(100).optional(),
  ...HANDLER_FIELDS,
})
export type AgentDefinition = z.output<typeof agentDefinition>

/**
 * The handler of a definition; null where it names none.
 *
 * @param definition what is written
 * @param folder what the command's folder and the operation's paths are relative to
 */
export function handlerOf(definition: HandlerDefinition, folder: string): Handler | null {
  const {command, cwd, env, operation, output} = definition
  if (command !== undefined && operation !== undefined) throw new Error('command and operation exclude each other')
  if (operation !== undefined) return {kind: 'operation', template: operation, folder}
  if (command === undefined) return null
  if (command[0]!.includes('{')) throw new Error('command[0] is the program and takes no placeholder')
  return {
    kind: 'command',
    argv: command as [string, ...string[]],
    env: env ?? [],
    cwd: path.resolve(folder, cwd ?? '.'),
    timeoutMs: definition.timeout_ms ?? DEFAULT_TIMEOUT_MS,
    maxOutputBytes: definition.max_output_bytes ?? DEFAULT_OUTPUT_BYTES,
    output: output ?? 'text',
  }
}

/**
 * The handler keys of a file's front matter.
 *
 * @throws what is wrong, in words
 */
export function parseHandler(fields: Readonly<Record<string, unknown>>): HandlerDefinition {
  const parsed = handlerSchema.safeParse(fields)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`${issue!.path.join('.')}: ${issue!.message}`)
}
