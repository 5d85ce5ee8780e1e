/** The agents that a worker runs for others: those that whoever started it has named, and no others. */
import type {Agent} from '../../agents/agent.ts'
import type {Engine} from '../../engine/engine.ts'
import type {AgentTask} from '../job/job.ts'

import {type AgentList, findAgent, readAgents} from '../../agents/registry.ts'
import {NpuBridgeError} from '../../errors.ts'
import {runCommand} from '../../workflow/handlers/command.ts'
import {runOperation} from '../../workflow/handlers/operation.ts'

export interface WorkerAgentsOptions {
  /** A folder of agent files. */
  readonly folder: string | undefined
  /** Names of those that may be run here. */
  readonly allowed: readonly string[]
  /** Whether jobs are signed, without which no command is run. */
  readonly isSigned: boolean
}

export class WorkerAgents {
  readonly #list: AgentList
  readonly #allowed: ReadonlySet<string>

  /**
   * @throws {NpuBridgeError} INVALID_ARGUMENT for a name that no agent has, or one that runs a command where jobs are not
   *   signed
   */
  constructor({allowed, folder, isSigned}: WorkerAgentsOptions) {
    this.#list = folder === undefined ? {agents: new Map(), problems: []} : readAgents({folders: [folder]})
    const agents = allowed.map((name) => findAgent(this.#list, name))
    for (const {handler, name} of agents) {
      if (handler === null) {
        throw new NpuBridgeError('INVALID_ARGUMENT', `the agent "${name}" has no command and no operation to run`)
      }

      if (handler.kind === 'command' && !isSigned) {
        throw new NpuBridgeError(
          'INVALID_ARGUMENT',
          `the agent "${name}" runs a command, which only signed jobs may ask for`,
          {
            suggestions: ['NPUBRIDGE_CLUSTER_KEY=… gives this worker and its callers a key (openssl rand -base64 32)'],
          },
        )
      }
    }

    this.#allowed = new Set(agents.map(({name}) => name))
  }

  get names(): string[] {
    return [...this.#allowed]
  }

  /**
   * Does a task.
   *
   * @throws {NpuBridgeError} UNSUPPORTED_OPERATION for an agent that is not on the list
   */
  async run(
    {agent: named, ...task}: {readonly agent: AgentTask; readonly isSigned: boolean},
    engine: Pick<Engine, 'submit'>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const {handler, name} = this.#find(named.name)
    const {attempt, description, inputs, task_id: taskId, workflow_id: workflowId} = named
    const context = {agent: name, attempt, description, inputs, signal, taskId, workflowId}
    if (handler?.kind === 'operation') return {output: await runOperation(handler, context, engine), note: null}
    if (handler?.kind !== 'command') throw new NpuBridgeError('INTERNAL', `the agent "${name}" lost its handler`)
    if (!task.isSigned) {
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the agent "${name}" runs a command, and the job is not signed`)
    }

    return runCommand(handler, context)
  }

  #find(name: string): Agent {
    const agent = this.#allowed.has(name.toLowerCase()) ? this.#list.agents.get(name.toLowerCase()) : undefined
    if (agent) return agent
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', `this worker does not run the agent ${JSON.stringify(name)}`, {
      suggestions: [`npubridge worker --agents DIR --allow-agent ${name}    on the host that is to run it`],
    })
  }
}
