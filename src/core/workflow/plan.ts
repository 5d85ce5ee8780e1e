/** Everything about a workflow that is known before it runs. */
import type {AgentList} from '../agents/registry.ts'
import type {AssignedTask} from './assign.ts'
import type {WorkflowFile} from './read.ts'

import {fromNative, loadBinding, type NativeWorkflow} from '../engine/binding.ts'
import {MODE_DEFAULTS, type ModeDefaults} from './modes.ts'

export interface WorkflowSettings extends ModeDefaults {
  readonly name: string
  readonly breakCycles: boolean
}

/** A workflow with nothing left open. */
export interface WorkflowPlan {
  readonly settings: WorkflowSettings
  readonly tasks: readonly AssignedTask[]
  readonly list: AgentList
}

export interface Overrides {
  readonly breakCycles?: boolean | undefined
  readonly maxParallel?: number | undefined
  readonly mode?: keyof typeof MODE_DEFAULTS | undefined
}

/** What the file says, else the mode; a limit that is given besides can only be lower. */
export function settingsOf(
  {definition, file}: Pick<WorkflowFile, 'definition' | 'file'>,
  asked: Overrides,
): WorkflowSettings {
  const defaults = MODE_DEFAULTS[asked.mode ?? definition.mode ?? 'npu_accelerated']
  const maxParallel = definition.max_parallel ?? defaults.maxParallel
  return {
    ...defaults,
    name: definition.name ?? file,
    breakCycles: asked.breakCycles ?? false,
    maxParallel: Math.min(maxParallel, asked.maxParallel ?? maxParallel),
    onFailure: definition.on_failure ?? defaults.onFailure,
    retries: definition.retries ?? defaults.retries,
  }
}

/** What Rust plans, by the positions of tasks. */
export interface Order {
  readonly levels: readonly number[]
  readonly order: readonly number[]
  readonly broken: ReadonlyArray<{readonly task: number; readonly dropped: readonly number[]}>
}

/**
 * Plans and starts a workflow in one call to Rust.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT naming a cycle
 */
export function startNative(
  {list, settings, tasks}: WorkflowPlan,
  done: ReadonlySet<string>,
  nowUs: number,
): {native: NativeWorkflow; order: Order} {
  const limits = [...list.agents.values()].flatMap(({maxParallel, name}) =>
    maxParallel === null ? [] : [[name, maxParallel] as const],
  )
  const description = {
    agentLimits: Object.fromEntries(limits),
    breakCycles: settings.breakCycles,
    done: tasks.flatMap(({id}, position) => (done.has(id) ? [position] : [])),
    maxParallel: settings.maxParallel,
    onFailure: settings.onFailure,
    preferCriticalPath: settings.preferCriticalPath,
    tasks: tasks.map(({agent, deadlineMs, dependencies, estimatedMs, id, priority}) => ({
      id,
      agent,
      priority,
      dependencies,
      deadlineMs,
      estimatedMs,
      handled: (list.agents.get(agent)?.handler ?? null) !== null,
    })),
  }
  try {
    const native = new (loadBinding().NativeWorkflow)(JSON.stringify(description), nowUs)
    return {native, order: JSON.parse(native.plan()) as Order}
  } catch (error) {
    throw fromNative(error)
  }
}
