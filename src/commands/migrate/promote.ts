import {Args} from '@oclif/core'

import type {MigrateOffer} from '../../core/migrate/migrate.ts'
import type {MigrateOutput} from '../../core/migrate/output.ts'

import {BaseCommand} from '../../base-command.ts'
import {EXIT} from '../../core/errors.ts'
import {migrationFlags} from '../../flags/migrate.ts'

export default class Promote extends BaseCommand {
  static override summary = 'Finish a gradual roll-out: npubridge answers every call from now on.'
  static override description =
    'Replaces the wrappers that ran the original (npubridge migrate --strategy shadow) by those that run npubridge, rewrites callers that would break without the original, and verifies. A migration of its own: npubridge migrate rollback takes it back and leaves the roll-out.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> . --dry-run', description: 'See what would happen'},
    {command: '<%= config.bin %> <%= command.id %> . --yes', description: 'Finish the roll-out'},
    {
      description: 'Every change as a difference',
      command: '<%= config.bin %> <%= command.id %> . --dry-run --diff',
    },
    {
      description: 'Install and verify with this interpreter',
      command:
        '<%= config.bin %> <%= command.id %> . --python .venv/bin/python --package npubridge==0.1.0 --verify-command "python3 -m unittest"',
    },
    {
      description: 'In spite of what git says',
      command: '<%= config.bin %> <%= command.id %> . --allow-dirty --allow-no-vcs',
    },
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  static override flags = migrationFlags

  async run(): Promise<MigrateOutput> {
    const {args, flags} = await this.parse(Promote)
    const {consent} = await import('../../core/migrate/consent.ts')
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {migrateOptions} = await import('../../core/migrate/options.ts')
    const {migrateOutput, planOutput} = await import('../../core/migrate/output.ts')
    const {promote} = await import('../../core/migrate/promote.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {ask, canAsk} = await import('../../ui/migrate-confirm.ts')
    const {renderMigration, renderPlanSummary} = await import('../../ui/migrate-report.ts')
    const {MigrateTasks} = await import('../../ui/migrate-tasks.ts')
    const effects = nodeEffects()
    const tasks = new MigrateTasks({silent: this.jsonEnabled()})
    const {version} = this.config
    const askWhether = async (offer: MigrateOffer) => {
      await tasks.close()
      if (offer.kind === 'apply')
        this.logToStderr(renderPlanSummary(planOutput(offer.plan, effects.fs, false), offer.scan))
      return ask('Finish the roll-out?', this.interrupted)
    }

    const options = migrateOptions(flags, {
      root: resolveRoot(effects.fs, args.path),
      home: this.config.root,
      version,
      strategy: 'replace',
      signal: this.interrupted,
      confirm: consent({yes: flags.yes, canAsk: canAsk() && !this.jsonEnabled(), ask: askWhether}),
    })
    try {
      const report = await promote(effects, options, tasks.onEvent)
      const output = migrateOutput(report, effects.fs, {version, diff: flags.diff})
      await tasks.close()
      this.log(renderMigration(output))
      if (output.status === 'rolled-back') process.exitCode = EXIT.rolledBack
      return output
    } finally {
      await tasks.close()
    }
  }
}
