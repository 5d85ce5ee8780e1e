/** How a workflow is written. Docs: docs/workflows.md; JSON Schema: docs/schemas/workflow.schema.json. */
import * as z from 'zod'

import {agentDefinition} from '../agents/definition.ts'
import {TEXT_METHODS} from '../routing/method.ts'
import {MODES} from './mode-names.ts'

export const FAILURE_POLICIES = ['stop', 'continue', 'skip_dependents'] as const
export type FailurePolicy = (typeof FAILURE_POLICIES)[number]

const LONGEST_MS = 2 ** 31 - 1
const text = z.string().min(1)
const milliseconds = z.number().positive().max(LONGEST_MS)
const scalar = z.union([z.string(), z.number(), z.boolean()])

/** `"task"` or `"task.path.in.its.output"`, or a value as it stands. */
const input = z.union([text, z.strictObject({value: z.unknown()})])
export type InputDefinition = z.output<typeof input>

const taskDefinition = z.strictObject({
  id: text.max(200).regex(/^[\p{L}\p{N}_-]+$/u, 'letters, digits, _ and - only'),
  agent: text.optional(),
  description: z.string().optional(),
  priority: z.int().min(1).max(100).optional(),
  dependencies: z.array(text).optional(),
  inputs: z.record(z.string(), input).optional(),
  when: text.optional(),
  matrix: z.record(z.string(), z.array(scalar).min(1)).optional(),
  retries: z.int().min(0).max(100).optional(),
  retry_delay_ms: z.number().nonnegative().max(LONGEST_MS).optional(),
  timeout_ms: milliseconds.optional(),
  deadline_ms: milliseconds.optional(),
  estimated_ms: z.number().nonnegative().optional(),
})
export type TaskDefinition = z.output<typeof taskDefinition>

export const workflowDefinition = z.strictObject({
  name: text.optional(),
  mode: z.enum(MODES).optional(),
  max_parallel: z.int().min(1).max(10_000).optional(),
  on_failure: z.enum(FAILURE_POLICIES).optional(),
  retries: z.int().min(0).max(100).optional(),
  agents: z.record(text, agentDefinition).optional(),
  agents_from: z.union([text, z.array(text)]).optional(),
  routing: z
    .strictObject({
      method: z.enum(TEXT_METHODS).optional(),
      threshold: z.number().optional(),
      head: text.optional(),
    })
    .optional(),
  tasks: z.array(taskDefinition),
})
export type WorkflowDefinition = z.output<typeof workflowDefinition>
