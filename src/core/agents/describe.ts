/** Agents as commands give them. */
import type {Agent, AgentProblem} from './agent.ts'

import {NpuBridgeError} from '../errors.ts'
import {type AgentList, readAgents, usualAgentsFolder} from './registry.ts'

export interface DescribedAgent extends Omit<Agent, 'handler'> {
  /** What does its tasks, without functions. */
  readonly handler: null | Readonly<Record<string, unknown>>
}

export interface AgentsReport {
  readonly folder: string
  readonly agents: readonly DescribedAgent[]
  readonly problems: readonly AgentProblem[]
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT where there is no folder of agents */
export function openAgents(folder: string | undefined, workingFolder: string): {folder: string; list: AgentList} {
  const found = folder ?? usualAgentsFolder(workingFolder)
  if (found === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `there is no folder of agents in ${workingFolder}`, {
      suggestions: ['--agents DIR names one', '.claude/agents and agents are looked for'],
    })
  }

  return {folder: found, list: readAgents({folders: [found]})}
}

/** All agents of a folder, and the files that describe none. */
export function listAgents(folder: string | undefined, workingFolder: string): AgentsReport {
  const {folder: found, list} = openAgents(folder, workingFolder)
  return {
    folder: found,
    agents: [...list.agents.values()].map((agent) => describeAgent(agent)),
    problems: list.problems,
  }
}

export function describeAgent({handler, ...agent}: Agent): DescribedAgent {
  return {...agent, handler: handler === null ? null : {...handler, ...('run' in handler && {run: undefined})}}
}
