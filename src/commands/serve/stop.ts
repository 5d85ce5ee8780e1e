import {Args, Flags} from '@oclif/core'

import type {StopReport} from '../../core/serve/life/stop.ts'

import {BaseCommand} from '../../base-command.ts'

export default class Stop extends BaseCommand {
  static override summary = 'Stop a server that runs here, when the requests that it is at have ended'
  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'The only one that runs'},
    {command: '<%= config.bin %> <%= command.id %> --all', description: 'Every one'},
    {
      description: 'With a minute for what runs',
      command: '<%= config.bin %> <%= command.id %> --wait-ms 60000',
    },
  ]

  static override args = {
    pid: Args.integer({description: 'process of the server, as `serve status` shows it', min: 1}),
  }

  static override flags = {
    all: Flags.boolean({description: 'stop every server'}),
    'wait-ms': Flags.integer({
      default: 15_000,
      description: 'how long it may take to end before it is killed',
      helpValue: 'MS',
      min: 0,
    }),
  }

  async run(): Promise<StopReport> {
    const {args, flags} = await this.parse(Stop)
    const {resolvePaths} = await import('../../core/paths.ts')
    const {stopServers} = await import('../../core/serve/life/stop.ts')
    const {renderStopped} = await import('../../ui/serve.ts')
    const report = await stopServers({
      all: flags.all,
      folder: resolvePaths().servers,
      pid: args.pid,
      signal: this.interrupted,
      waitMs: flags['wait-ms'],
    })
    this.log(renderStopped(report.stopped))
    return report
  }
}
