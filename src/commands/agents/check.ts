import {Flags} from '@oclif/core'

import type {AgentsReport} from '../../core/agents/describe.ts'

import {BaseCommand} from '../../base-command.ts'
import {EXIT} from '../../core/errors.ts'

export default class AgentsCheck extends BaseCommand {
  static override summary = 'Check that every file of a folder describes an agent'

  static override description = 'Exit code 3 where one does not.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'Those of .claude/agents, or of agents'},
    {command: '<%= config.bin %> <%= command.id %> --agents agents && git commit', description: 'Before a commit'},
  ]

  static override flags = {
    agents: Flags.string({description: 'folder of agents; .claude/agents or agents when absent', helpValue: 'DIR'}),
  }

  async run(): Promise<AgentsReport> {
    const {flags} = await this.parse(AgentsCheck)
    const {listAgents} = await import('../../core/agents/describe.ts')
    const {renderCheck} = await import('../../ui/agents.ts')
    const report = listAgents(flags.agents, process.cwd())
    this.log(renderCheck(report.folder, report.agents.length, report.problems))
    if (report.problems.length > 0) process.exitCode = EXIT.checkFailed
    return report
  }
}
