import {BaseCommand} from '../../base-command.ts'
import {resolvePaths} from '../../core/paths.ts'
import {serverStatus, type StatusReport} from '../../core/serve/life/status.ts'
import {renderServers} from '../../ui/serve.ts'

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
    const report = await serverStatus(resolvePaths().servers)
    this.log(renderServers(report.servers))
    return report
  }
}
