import {Args, Flags} from '@oclif/core'

import {BaseCommand} from '../../base-command.ts'
import {consent} from '../../core/migrate/consent.ts'
import {nodeEffects} from '../../core/migrate/node-effects.ts'
import {rollback, type RollbackOffer, type RollbackReport} from '../../core/migrate/rollback.ts'
import {resolveRoot} from '../../core/migrate/root.ts'
import {ask, canAsk} from '../../ui/migrate-confirm.ts'
import {renderRollback} from '../../ui/migrate-status.ts'
import {MigrateTasks} from '../../ui/migrate-tasks.ts'

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
