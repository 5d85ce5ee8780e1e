/** Puts what a task is about into the texts of its handler. A value is put in as it is and never looked at again. */
import type {TaskContext} from '../agents/agent.ts'

import {NpuBridgeError} from '../errors.ts'

const PLACEHOLDER = /\{(description|task_id|inputs)(?:\.([^{}]+))?\}/g

/**
 * `{description}`, `{task_id}`, `{inputs}` (as JSON) and `{inputs.name}` (texts as they are, else JSON).
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an input that the task does not have
 */
export function fillText(template: string, context: TaskContext): string {
  return template.replaceAll(PLACEHOLDER, (whole, name: string, key: string | undefined) => {
    if (name === 'description' && key === undefined) return context.description
    if (name === 'task_id' && key === undefined) return context.taskId
    if (name !== 'inputs') return whole
    if (key === undefined) return JSON.stringify(context.inputs)
    return asText(inputOf(context, key, whole))
  })
}

/** The same in every text of a value; `"{inputs.name}"` alone becomes the input itself, whatever it is. */
export function fillValue(template: unknown, context: TaskContext): unknown {
  if (typeof template === 'string') {
    const only = /^\{inputs\.([^{}]+)\}$/.exec(template)
    return only ? inputOf(context, only[1]!, template) : fillText(template, context)
  }

  if (Array.isArray(template)) return template.map((each: unknown) => fillValue(each, context))
  if (typeof template !== 'object' || template === null) return template
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fillValue(value, context)]))
}

function inputOf({inputs, taskId}: TaskContext, name: string, placeholder: string): unknown {
  if (Object.hasOwn(inputs, name)) return inputs[name]
  const message = `task "${taskId}" has no input ${JSON.stringify(name)}, which its agent asks for with ${placeholder}`
  throw new NpuBridgeError('INVALID_ARGUMENT', message, {
    suggestions: [`inputs:\n  ${name}: another_task.output`],
  })
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
