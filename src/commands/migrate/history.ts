import {Args} from '@oclif/core'

import {BaseCommand} from '../../base-command.ts'
import {nodeEffects} from '../../core/migrate/node-effects.ts'
import {resolveRoot} from '../../core/migrate/root.ts'
import {type HistoryReport, migrationHistory} from '../../core/migrate/status.ts'
import {renderHistory} from '../../ui/migrate-status.ts'

export default class History extends BaseCommand {
  static override summary = 'Every migration that this checkout has seen, with each of its states.'
  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> .', description: 'For people'},
    {
      command: "<%= config.bin %> <%= command.id %> . --json | jq -r '.migrations[].id'",
      description: 'The ids, for scripts',
    },
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  async run(): Promise<HistoryReport> {
    const {args} = await this.parse(History)
    const effects = nodeEffects()
    const report = migrationHistory(effects, resolveRoot(effects.fs, args.path))
    this.log(renderHistory(report))
    return report
  }
}
