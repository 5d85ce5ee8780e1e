import type {ConfigCheck} from '../../core/config/check.ts'

import {BaseCommand} from '../../base-command.ts'
import {EXIT} from '../../core/errors.ts'
import {configFlag} from '../../flags/config.ts'

export default class ConfigValidate extends BaseCommand {
  static override summary = 'Check the configuration, variables included'

  static override description =
    'Tells every unknown setting, wrong value and contradiction, with what is allowed and what was probably meant. Exits 3 when there is one.'

  static override examples = [
    {description: 'Of this project', command: '<%= config.bin %> <%= command.id %>'},
    {description: 'Of one file, for CI', command: '<%= config.bin %> <%= command.id %> --config settings.yaml --json'},
  ]

  static override flags = configFlag

  async run(): Promise<ConfigCheck> {
    const {flags} = await this.parse(ConfigValidate)
    const {checkConfig} = await import('../../core/config/check.ts')
    const {renderProblems} = await import('../../ui/config.ts')
    const check = await checkConfig({file: flags.config})
    this.log(renderProblems(check.problems, check.file))
    if (!check.valid) process.exitCode = EXIT.checkFailed
    return check
  }
}
