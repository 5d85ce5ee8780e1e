import {Args, Flags} from '@oclif/core'

import type {CheckReport} from '../../core/migrate/check.ts'
import type {Effects} from '../../core/migrate/effects.ts'
import type {MigrateOffer} from '../../core/migrate/migrate.ts'
import type {MigrateOutput} from '../../core/migrate/output.ts'
import type {MigrateTasks} from '../../ui/migrate-tasks.ts'

import {BaseCommand} from '../../base-command.ts'
import {EXIT} from '../../core/errors.ts'
import {MIGRATE_EXAMPLES} from '../../examples/migrate.ts'
import {migrationFlags} from '../../flags/migrate.ts'

export default class Migrate extends BaseCommand {
  static override summary = 'Move a code base off its legacy npu_coordination_bridge module, without risk.'
  static override description =
    'Puts the module away under deprecated/, leaves a wrapper around the Python package npubridge in its place, rewrites callers only where they would break, and checks that what worked before still works. What fails is taken back, and a killed run is ended by the next one. Exit codes: 3 when --check finds legacy code or drift, 4 when a guard refused, 5 when verification failed and everything was taken back.'

  static override examples = MIGRATE_EXAMPLES

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  static override flags = {
    ...migrationFlags,
    check: Flags.boolean({exclusive: ['dry-run', 'yes'], description: 'Write nothing; exit 3 on legacy code or drift'}),
    strategy: Flags.option({options: ['replace', 'shadow'] as const})({
      default: 'replace',
      description: 'replace: npubridge answers at once; shadow: the original stays active, NPUBRIDGE_ROLLOUT decides',
    }),
  }

  async run(): Promise<CheckReport | MigrateOutput> {
    const {args, flags} = await this.parse(Migrate)
    const {consent} = await import('../../core/migrate/consent.ts')
    const {migrate} = await import('../../core/migrate/migrate.ts')
    const {migrateOptions} = await import('../../core/migrate/options.ts')
    const {migrateOutput} = await import('../../core/migrate/output.ts')
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {canAsk} = await import('../../ui/migrate-confirm.ts')
    const {renderMigration} = await import('../../ui/migrate-report.ts')
    const {MigrateTasks} = await import('../../ui/migrate-tasks.ts')
    const effects = nodeEffects()
    const root = resolveRoot(effects.fs, args.path)
    if (flags.check) return this.#check(effects, root)
    const tasks = new MigrateTasks({silent: this.jsonEnabled()})
    const {version} = this.config
    const askWhether = async (offer: MigrateOffer) => this.#ask(offer, effects, tasks)
    const options = migrateOptions(flags, {
      root,
      home: this.config.root,
      version,
      strategy: flags.strategy,
      signal: this.interrupted,
      confirm: consent({yes: flags.yes, canAsk: canAsk() && !this.jsonEnabled(), ask: askWhether}),
    })
    try {
      const report = await migrate(effects, options, tasks.onEvent)
      const output = migrateOutput(report, effects.fs, {version, diff: flags.diff})
      await tasks.close()
      this.log(renderMigration(output))
      if (output.status === 'rolled-back') process.exitCode = EXIT.rolledBack
      return output
    } finally {
      await tasks.close()
    }
  }

  async #check(effects: Effects, root: string): Promise<CheckReport> {
    const {checkTree} = await import('../../core/migrate/check.ts')
    const {renderCheck} = await import('../../ui/migrate-status.ts')
    const report = await checkTree(effects, root, this.interrupted)
    this.log(renderCheck(report))
    if (!report.ok) process.exitCode = EXIT.checkFailed
    return report
  }

  async #ask(offer: MigrateOffer, effects: Effects, tasks: MigrateTasks): Promise<boolean> {
    const {planOutput} = await import('../../core/migrate/output.ts')
    const {ask} = await import('../../ui/migrate-confirm.ts')
    const {renderPlanSummary} = await import('../../ui/migrate-report.ts')
    await tasks.close()
    if (offer.kind === 'recover') return ask(`End migration ${offer.id}, which was stopped midway?`, this.interrupted)
    const plan = planOutput(offer.plan, effects.fs, false)
    this.logToStderr(renderPlanSummary(plan, offer.scan))
    return ask('Apply?', this.interrupted)
  }
}
