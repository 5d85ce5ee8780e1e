import {Flags} from '@oclif/core'

import type {AgentsReport} from '../../core/agents/describe.ts'

import {BaseCommand} from '../../base-command.ts'

export default class AgentsList extends BaseCommand {
  static override summary = 'List the agents that tasks can be routed to'

  static override description =
    'An agent is a Markdown file with front matter: a name, a description, and, if it is to do anything, a command or an operation. Files that describe none are told with the reason.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'Those of .claude/agents, or of agents'},
    {command: '<%= config.bin %> <%= command.id %> --agents ~/agents --json', description: 'Those of another folder'},
  ]

  static override flags = {
    agents: Flags.string({description: 'folder of agents; .claude/agents or agents when absent', helpValue: 'DIR'}),
  }

  async run(): Promise<AgentsReport> {
    const {flags} = await this.parse(AgentsList)
    const {listAgents} = await import('../../core/agents/describe.ts')
    const {renderAgents} = await import('../../ui/agents.ts')
    const report = listAgents(flags.agents, process.cwd())
    this.log(renderAgents(report.agents, report.problems))
    return report
  }
}
