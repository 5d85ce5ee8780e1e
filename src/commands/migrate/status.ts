import {Args} from '@oclif/core'

import {BaseCommand} from '../../base-command.ts'
import {nodeEffects} from '../../core/migrate/node-effects.ts'
import {resolveRoot} from '../../core/migrate/root.ts'
import {migrationStatus, type StatusReport} from '../../core/migrate/status.ts'
import {renderStatus} from '../../ui/migrate-status.ts'

export default class Status extends BaseCommand {
  static override summary = 'How things stand: migrated or not, wrappers intact or not, rollback possible or not.'
  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> .', description: 'For people'},
    {command: '<%= config.bin %> <%= command.id %> . --json | jq -r .state', description: 'One word, for scripts'},
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  async run(): Promise<StatusReport> {
    const {args} = await this.parse(Status)
    const effects = nodeEffects()
    const report = await migrationStatus(effects, resolveRoot(effects.fs, args.path), this.interrupted)
    this.log(renderStatus(report))
    return report
  }
}
