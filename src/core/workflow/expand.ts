/** From what is written to the tasks that run: matrices are multiplied out, references become dependencies. */
import type {InputDefinition, TaskDefinition, WorkflowDefinition} from './schema.ts'

import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from '../run/nearest.ts'
import {type Expression, parseExpression, splitReference, tasksOf} from './expression.ts'

/** A matrix of more is a mistake. */
const MOST_TASKS = 100_000

export interface InputReference {
  /** One task, or all that a matrix made. */
  readonly tasks: readonly string[]
  readonly path: readonly string[]
  /** Whether the value is a list, one element for each task. */
  readonly isList: boolean
}

/** A task as it runs. */
export interface ExpandedTask {
  readonly id: string
  /** Undefined: found by the description. */
  readonly agent: string | undefined
  readonly description: string
  readonly priority: number
  readonly dependencies: readonly string[]
  readonly inputs: Readonly<Record<string, InputReference | {readonly value: unknown}>>
  readonly when: Expression | undefined
  readonly retries: number | undefined
  readonly retryDelayMs: number
  readonly timeoutMs: number | undefined
  readonly deadlineMs: number | undefined
  readonly estimatedMs: number | undefined
}

type Combination = Readonly<Record<string, boolean | number | string>>

/**
 * @throws {NpuBridgeError} CONFIG_INVALID for an empty workflow, ids that come twice, and tasks that are named and not
 *   there, with the nearest name
 */
export function expandWorkflow({tasks}: WorkflowDefinition): ExpandedTask[] {
  if (tasks.length === 0) throw new NpuBridgeError('CONFIG_INVALID', 'the workflow has no tasks')
  const made = new Map<string, string[]>()
  const combined = tasks.map((task) => {
    const combinations = combinationsOf(task)
    const ids = combinations.map((combination) => idOf(task.id, combination))
    if (made.has(task.id)) throw new NpuBridgeError('CONFIG_INVALID', `two tasks have the id ${show(task.id)}`)
    made.set(task.id, ids)
    return {task, combinations}
  })
  const total = combined.reduce((sum, {combinations}) => sum + combinations.length, 0)
  if (total > MOST_TASKS) throw new NpuBridgeError('CONFIG_INVALID', `${total} tasks are more than ${MOST_TASKS}`)
  const names = new Names(made)
  return combined.flatMap(({combinations, task}) =>
    combinations.map((combination) => expandTask(task, combination, names)),
  )
}

function expandTask(task: TaskDefinition, combination: Combination, names: Names): ExpandedTask {
  const fill = (text: string) => fillMatrix(text, combination)
  const where = `task ${show(task.id)}`
  const inputs = Object.entries(task.inputs ?? {}).map(
    ([name, input]) => [name, inputOf(input, fill, names, `${where}: inputs.${name}`)] as const,
  )
  const when = task.when === undefined ? undefined : parseExpression(fill(task.when))
  const looksAt = when === undefined ? [] : tasksOf(when)
  const dependencies = [
    ...(task.dependencies ?? []).flatMap((name) => names.need(fill(name), `${where}: dependencies`)),
    ...inputs.flatMap(([, input]) => ('value' in input ? [] : input.tasks)),
    ...looksAt.flatMap((name) => names.need(name, `${where}: when`)),
  ]
  return {
    id: idOf(task.id, combination),
    agent: task.agent === undefined ? undefined : fill(task.agent),
    description: fill(task.description ?? task.id.replaceAll(/[-_]+/g, ' ')),
    priority: task.priority ?? 50,
    dependencies: [...new Set(dependencies)],
    inputs: Object.fromEntries(inputs),
    when,
    retries: task.retries,
    retryDelayMs: task.retry_delay_ms ?? 0,
    timeoutMs: task.timeout_ms,
    deadlineMs: task.deadline_ms,
    estimatedMs: task.estimated_ms,
  }
}

function inputOf(
  input: InputDefinition,
  fill: (text: string) => string,
  names: Names,
  place: string,
): InputReference | {readonly value: unknown} {
  if (typeof input !== 'string') return {value: typeof input.value === 'string' ? fill(input.value) : input.value}
  const [task, ...path] = splitReference(fill(input))
  const tasks = names.need(task!, place)
  return {tasks, path, isList: names.isMatrix(task!)}
}

/** Every combination of the values of a matrix; one empty one without. */
function combinationsOf({matrix = {}}: TaskDefinition): Combination[] {
  let all: Combination[] = [{}]
  for (const [name, values] of Object.entries(matrix)) {
    if (all.length * values.length > MOST_TASKS) {
      throw new NpuBridgeError('CONFIG_INVALID', `a matrix makes more than ${MOST_TASKS} tasks`)
    }

    all = all.flatMap((combination) => values.map((value) => ({...combination, [name]: value})))
  }

  return all
}

function idOf(id: string, combination: Combination): string {
  const values = Object.values(combination)
  return values.length === 0 ? id : `${id}[${values.map((value) => String(value).replaceAll(']', ')')).join(',')}]`
}

/** Replaces `{matrix.name}`. */
function fillMatrix(text: string, combination: Combination): string {
  return text.replaceAll(/\{matrix\.([^{}]+)\}/g, (whole, name: string) => {
    if (!Object.hasOwn(combination, name)) {
      throw new NpuBridgeError('CONFIG_INVALID', `${show(text)} uses ${whole}, but the task's matrix has no ${name}`)
    }

    return String(combination[name])
  })
}

/** Names of tasks as they are written, with the ids that they stand for. */
class Names {
  readonly #made: ReadonlyMap<string, readonly string[]>
  readonly #ids: ReadonlySet<string>

  constructor(made: ReadonlyMap<string, readonly string[]>) {
    this.#made = made
    const ids = new Set<string>()
    for (const each of made.values()) {
      for (const id of each) {
        if (ids.has(id)) throw new NpuBridgeError('CONFIG_INVALID', `two tasks have the id ${show(id)}`)
        ids.add(id)
      }
    }

    this.#ids = ids
  }

  isMatrix(name: string): boolean {
    return !this.#ids.has(name)
  }

  need(name: string, place: string): readonly string[] {
    if (this.#ids.has(name)) return [name]
    const ids = this.#made.get(name)
    if (ids) return ids
    throw new NpuBridgeError('CONFIG_INVALID', `${place} names the task ${show(name)}, which there is not`, {
      suggestions: nameSuggestions(name, [...this.#made.keys()], 'tasks'),
    })
  }
}

function show(value: string): string {
  return JSON.stringify(value)
}
