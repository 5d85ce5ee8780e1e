import {Args, Flags} from '@oclif/core'

import type {CheckReport} from '../../core/migrate/check.ts'
import type {Effects} from '../../core/migrate/effects.ts'
import type {MigrateOffer} from '../../core/migrate/migrate.ts'
import type {MigrateOutput} from '../../core/migrate/output.ts'
import type {MigrateTasks} from '../../ui/migrate-tasks.ts'

import {BaseCommand} from '../../base-command.ts'
import {EXIT} from '../../core/errors.ts'

export default class Migrate extends BaseCommand {
  static override summary = 'Move a code base off its legacy npu_coordination_bridge module, without risk.'
  static override description =
    'Puts the module away under deprecated/, leaves a wrapper around the Python package npubridge in its place, rewrites callers only where they would break, and checks that what worked before still works. What fails is taken back, and a killed run is ended by the next one. Exit codes: 3 when --check finds legacy code or drift, 4 when a guard refused, 5 when verification failed and everything was taken back.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> . --dry-run --diff', description: 'See what would happen'},
    {command: '<%= config.bin %> <%= command.id %> . --check', description: 'In CI: fail while legacy code is left'},
    {command: '<%= config.bin %> <%= command.id %> . --python .venv/bin/python', description: 'Install npubridge too'},
    {
      command: '<%= config.bin %> <%= command.id %> . --verify-command "python3 -m unittest" --yes',
      description: 'Take everything back if tests fail that passed before',
    },
    {
      description: 'Keep the old module active, and let NPUBRIDGE_ROLLOUT decide how much goes to the new one',
      command:
        '<%= config.bin %> <%= command.id %> . --strategy shadow --package ./npubridge-0.1.0-cp310-abi3-manylinux_2_28_x86_64.whl',
    },
    {
      description: 'In a folder that git does not know, or with changes of your own in it',
      command: '<%= config.bin %> <%= command.id %> . --allow-no-vcs --allow-dirty',
    },
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  static override flags = {
    'dry-run': Flags.boolean({description: 'Print the plan that would run and change nothing'}),
    diff: Flags.boolean({dependsOn: ['dry-run'], description: 'With --dry-run: show every change as a difference'}),
    check: Flags.boolean({exclusive: ['dry-run', 'yes'], description: 'Write nothing; exit 3 on legacy code or drift'}),
    strategy: Flags.option({options: ['replace', 'shadow'] as const})({
      default: 'replace',
      description: 'replace: npubridge answers at once; shadow: the original stays active, NPUBRIDGE_ROLLOUT decides',
    }),
    python: Flags.string({description: 'Interpreter to install npubridge into and to verify with', helpValue: 'PATH'}),
    package: Flags.string({
      dependsOn: ['python'],
      description: 'What pip installs instead of the wheel that comes with npubridge',
      helpValue: 'SPEC',
    }),
    'verify-command': Flags.string({description: 'Run this before and after; only regressions fail', helpValue: 'CMD'}),
    'allow-dirty': Flags.boolean({description: 'Migrate in spite of uncommitted changes'}),
    'allow-no-vcs': Flags.boolean({description: 'Migrate although git cannot undo it'}),
    yes: Flags.boolean({char: 'y', description: 'Agree beforehand; needed where nobody can be asked'}),
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
