import type {TaskCallback} from '../../../src/core/agents/agent.ts'
import type {WorkflowEvent} from '../../../src/core/workflow/events.ts'
import type {WorkflowDefinition} from '../../../src/core/workflow/schema.ts'

import {type AgentList, readAgents} from '../../../src/core/agents/registry.ts'
import {NpuBridgeError} from '../../../src/core/errors.ts'
import {assignAgents} from '../../../src/core/workflow/assign.ts'
import {type ExecuteOptions, executeWorkflow} from '../../../src/core/workflow/execute.ts'
import {expandWorkflow} from '../../../src/core/workflow/expand.ts'
import {settingsOf, type WorkflowPlan} from '../../../src/core/workflow/plan.ts'

export async function noEngine(): Promise<never> {
  throw new NpuBridgeError('DEVICE_UNAVAILABLE', 'this test has no engine')
}

/** Plans a workflow whose agents are functions. */
export async function planOf(
  definition: WorkflowDefinition,
  callbacks: Record<string, TaskCallback>,
  breakCycles = false,
): Promise<WorkflowPlan> {
  const list: AgentList = readAgents({callbacks, defined: definition.agents ?? {}})
  const settings = settingsOf({definition, file: 'test.yaml'}, {breakCycles})
  const tasks = await assignAgents(expandWorkflow(definition), {
    list,
    method: 'lexical',
    openEngine: noEngine,
    routeUnknown: settings.routeUnknown,
  })
  return {list, settings, tasks}
}

/** Runs a workflow whose agents are functions, and collects what it tells. */
export async function runWith(
  definition: WorkflowDefinition,
  callbacks: Record<string, TaskCallback>,
  options: Partial<ExecuteOptions> & {breakCycles?: boolean} = {},
) {
  const events: WorkflowEvent[] = []
  const {breakCycles, ...others} = options
  const report = await executeWorkflow({
    plan: await planOf(definition, callbacks, breakCycles),
    openEngine: noEngine,
    onEvent(event) {
      events.push(event)
    },
    ...others,
  })
  const settled = events.filter((event) => event.type === 'task_settled')
  return {events, report, settled, statuses: Object.fromEntries(settled.map(({status, task}) => [task, status]))}
}
