import {Args, Flags} from '@oclif/core'

import type {DescribedAgent} from '../../core/agents/describe.ts'

import {BaseCommand} from '../../base-command.ts'

export default class AgentsShow extends BaseCommand {
  static override summary = 'Show what is known of an agent'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> linter', description: 'One of .claude/agents, or of agents'},
    {command: '<%= config.bin %> <%= command.id %> linter --json', description: 'For a program'},
    {
      description: 'Of another folder',
      command: '<%= config.bin %> <%= command.id %> linter --agents ~/agents',
    },
  ]

  static override args = {name: Args.string({description: 'the agent', ignoreStdin: true, required: true})}

  static override flags = {
    agents: Flags.string({description: 'folder of agents; .claude/agents or agents when absent', helpValue: 'DIR'}),
  }

  async run(): Promise<DescribedAgent> {
    const {args, flags} = await this.parse(AgentsShow)
    const {describeAgent, openAgents} = await import('../../core/agents/describe.ts')
    const {findAgent} = await import('../../core/agents/registry.ts')
    const {renderAgent} = await import('../../ui/agents.ts')
    const agent = describeAgent(findAgent(openAgents(flags.agents, process.cwd()).list, args.name))
    this.log(renderAgent(agent))
    return agent
  }
}
