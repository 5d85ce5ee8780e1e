/** Finds the agent of every task before anything runs. */
import type {ExpandedTask} from './expand.ts'

import {type AgentList, findAgent} from '../agents/registry.ts'
import {NpuBridgeError} from '../errors.ts'
import {type RouterOptions, type TextMethod, TextRouter} from '../routing/router.ts'
import {nameSuggestions} from '../run/nearest.ts'

/** Who gets what nobody fits, as in v1, where there is one of that name. */
const FALLBACK_AGENT = 'director'

export interface AssignedTask extends ExpandedTask {
  readonly agent: string
  /** How it was found, where it was not named. */
  readonly routing: {readonly method: TextMethod; readonly score: number; readonly reason: string | null} | null
}

export interface AssignOptions {
  readonly list: AgentList
  readonly method: TextMethod
  readonly head?: string | undefined
  readonly threshold?: number | undefined
  /** Whether a task that names an unknown agent is routed by its description. */
  readonly routeUnknown: boolean
  readonly openEngine: RouterOptions['openEngine']
  readonly signal?: AbortSignal | undefined
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for an unknown agent, and for tasks that no agent fits */
export async function assignAgents(tasks: readonly ExpandedTask[], options: AssignOptions): Promise<AssignedTask[]> {
  const {agents} = options.list
  const isOpen = ({agent}: ExpandedTask) =>
    agent === undefined || (options.routeUnknown && !agents.has(agent.trim().toLowerCase()))
  for (const task of tasks) if (!isOpen(task)) needAgent(task, options.list)
  const open = tasks.filter((task) => isOpen(task))
  const found = await route(open, options)
  const choices = new Map(open.map((task, index) => [task, found[index]!]))
  return tasks.map((task) => {
    const choice = choices.get(task)
    return choice ? {...task, ...choice} : {...task, agent: task.agent!.trim().toLowerCase(), routing: null}
  })
}

function needAgent({agent, id}: ExpandedTask, list: AgentList): void {
  if (list.agents.has(agent!.trim().toLowerCase())) return
  throw new NpuBridgeError(
    'INVALID_ARGUMENT',
    `task "${id}" is for the agent ${JSON.stringify(agent)}, which there is not`,
    {
      suggestions: nameSuggestions(agent!, [...list.agents.keys()], 'agents'),
    },
  )
}

async function route(
  tasks: readonly ExpandedTask[],
  options: AssignOptions,
): Promise<Array<Pick<AssignedTask, 'agent' | 'routing'>>> {
  if (tasks.length === 0) return []
  const {head, list, method, openEngine, threshold} = options
  const agents = [...list.agents.values()].map(({description, examples, name, priority}) => ({
    name,
    description,
    examples,
    priority,
  }))
  const router = new TextRouter({agents, head, method, openEngine})
  const texts = tasks.map(({description}) => description)
  const answers = await router.route(texts, {threshold, topK: 3}, {signal: options.signal})
  return answers.map(({agent, candidates = [], reason, score}, index) => {
    const routing = {method: router.method, score, reason}
    if (agent !== null) return {agent: findAgent(list, agent).name, routing}
    if (list.agents.has(FALLBACK_AGENT)) return {agent: FALLBACK_AGENT, routing: {...routing, reason: 'no agent fits'}}
    const {description, id} = tasks[index]!
    const near = candidates.map((candidate) => `${candidate.agent} (${candidate.score.toFixed(2)})`)
    throw new NpuBridgeError('INVALID_ARGUMENT', `no agent fits task "${id}": ${JSON.stringify(description)}`, {
      suggestions: [
        ...(near.length > 0 ? [`nearest: ${near.join(', ')}`] : []),
        'name one: agent: NAME',
        `an agent called ${FALLBACK_AGENT} gets what fits nobody`,
      ],
    })
  })
}
