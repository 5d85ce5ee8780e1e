/** What `migrate` and `migrate promote` are told alike. */
import {Flags} from '@oclif/core'

export const migrationFlags = {
  'dry-run': Flags.boolean({description: 'Print the plan that would run and change nothing'}),
  diff: Flags.boolean({dependsOn: ['dry-run'], description: 'With --dry-run: show every change as a difference'}),
  python: Flags.string({description: 'Interpreter to install npubridge into and to verify with', helpValue: 'PATH'}),
  package: Flags.string({
    dependsOn: ['python'],
    description: 'What pip installs instead of the wheel that comes with npubridge',
    helpValue: 'SPEC',
  }),
  'verify-command': Flags.string({description: 'Run this before and after; only regressions fail', helpValue: 'CMD'}),
  'allow-dirty': Flags.boolean({description: 'Go on in spite of uncommitted changes'}),
  'allow-no-vcs': Flags.boolean({description: 'Go on although git cannot undo it'}),
  yes: Flags.boolean({char: 'y', description: 'Agree beforehand; needed where nobody can be asked'}),
}
