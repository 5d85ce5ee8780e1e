import {Args} from '@oclif/core'

import type {StatusReport} from '../../core/migrate/status.ts'

import {BaseCommand} from '../../base-command.ts'

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
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {migrationStatus} = await import('../../core/migrate/status.ts')
    const {renderStatus} = await import('../../ui/migrate-status.ts')
    const effects = nodeEffects()
    const report = await migrationStatus(effects, resolveRoot(effects.fs, args.path), this.interrupted)
    this.log(renderStatus(report))
    return report
  }
}
