import {Args, Flags} from '@oclif/core'

import {BaseCommand} from '../../base-command.ts'
import {describeAgent, type DescribedAgent, openAgents} from '../../core/agents/describe.ts'
import {findAgent} from '../../core/agents/registry.ts'
import {renderAgent} from '../../ui/agents.ts'

export default class AgentsShow extends BaseCommand {
  static override summary = 'Show what is known of an agent'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> linter', description: 'One of .claude/agents, or of agents'},
    {command: '<%= config.bin %> <%= command.id %> linter --json', description: 'For a program'},
  ]

  static override args = {name: Args.string({description: 'the agent', ignoreStdin: true, required: true})}

  static override flags = {
    agents: Flags.string({description: 'folder of agents; .claude/agents or agents when absent', helpValue: 'DIR'}),
  }

  async run(): Promise<DescribedAgent> {
    const {args, flags} = await this.parse(AgentsShow)
    const agent = describeAgent(findAgent(openAgents(flags.agents, process.cwd()).list, args.name))
    this.log(renderAgent(agent))
    return agent
  }
}
