import {Args} from '@oclif/core'

import type {HistoryReport} from '../../core/migrate/status.ts'

import {BaseCommand} from '../../base-command.ts'

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
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {migrationHistory} = await import('../../core/migrate/status.ts')
    const {renderHistory} = await import('../../ui/migrate-status.ts')
    const effects = nodeEffects()
    const report = migrationHistory(effects, resolveRoot(effects.fs, args.path))
    this.log(renderHistory(report))
    return report
  }
}
