import type {StatusReport} from '../../core/serve/life/status.ts'

import {BaseCommand} from '../../base-command.ts'

export default class Status extends BaseCommand {
  static override summary = 'The servers that run here, where they listen and whether they are ready'
  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'For people'},
    {
      command: `<%= config.bin %> <%= command.id %> --json | jq -r '.servers[].url'`,
      description: 'Where they listen, for scripts',
    },
  ]

  async run(): Promise<StatusReport> {
    await this.parse(Status)
    const {resolvePaths} = await import('../../core/paths.ts')
    const {serverStatus} = await import('../../core/serve/life/status.ts')
    const {renderServers} = await import('../../ui/serve.ts')
    const report = await serverStatus(resolvePaths().servers)
    this.log(renderServers(report.servers))
    return report
  }
}
