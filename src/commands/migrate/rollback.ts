import {Args, Flags} from '@oclif/core'

import type {RollbackOffer, RollbackReport} from '../../core/migrate/rollback.ts'

import {BaseCommand} from '../../base-command.ts'

export default class Rollback extends BaseCommand {
  static override summary = 'Take the latest migration back, byte for byte.'
  static override description =
    'Restores every file with its mode, removes what was added and uninstalls what was installed. Refuses (exit code 4), before anything changes, when a file was edited since the migration. A migration that was killed in the middle is taken back the same way.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> .', description: 'Take the latest migration back'},
    {command: '<%= config.bin %> <%= command.id %> . --all --yes', description: 'Everything, a promotion included'},
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  static override flags = {
    all: Flags.boolean({description: 'Every migration that is in effect, not only the latest'}),
    yes: Flags.boolean({char: 'y', description: 'Agree beforehand; needed where nobody can be asked'}),
  }

  async run(): Promise<RollbackReport> {
    const {args, flags} = await this.parse(Rollback)
    const {consent} = await import('../../core/migrate/consent.ts')
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {rollback} = await import('../../core/migrate/rollback.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {ask, canAsk} = await import('../../ui/migrate-confirm.ts')
    const {renderRollback} = await import('../../ui/migrate-status.ts')
    const {MigrateTasks} = await import('../../ui/migrate-tasks.ts')
    const effects = nodeEffects()
    const tasks = new MigrateTasks({silent: this.jsonEnabled()})
    const confirm = consent({
      yes: flags.yes,
      canAsk: canAsk() && !this.jsonEnabled(),
      ask: async (offer: RollbackOffer) => {
        await tasks.close()
        this.logToStderr(offer.steps.map((step) => `  undo ${step}`).join('\n'))
        return ask(
          `Take ${offer.kind === 'promote' ? 'the promotion' : 'the migration'} ${offer.id} back?`,
          this.interrupted,
        )
      },
    })
    try {
      const root = resolveRoot(effects.fs, args.path)
      const report = await rollback(effects, {root, all: flags.all, confirm}, tasks.onEvent)
      await tasks.close()
      this.log(renderRollback(report))
      return report
    } finally {
      await tasks.close()
    }
  }
}
