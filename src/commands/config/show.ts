import type {ShownConfig} from '../../core/config/show.ts'

import {BaseCommand} from '../../base-command.ts'
import {profileFlags} from '../../flags/config.ts'

export default class ConfigShow extends BaseCommand {
  static override summary = 'Show every setting with its value and where that comes from'

  static override description =
    'A file (npubridge.config.json or .yaml, or npubridge in package.json, of this folder or one above) is overruled by variables (NPUBRIDGE_QUEUE_CAPACITY), and those by flags. What --json gives is a configuration for --config.'

  static override examples = [
    {description: 'What holds here', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'Keep it, variables included, and use it elsewhere',
      command: '<%= config.bin %> <%= command.id %> --json > settings.json',
    },
  ]

  static override flags = profileFlags

  async run(): Promise<ShownConfig> {
    const {flags} = await this.parse(ConfigShow)
    const {showConfig} = await import('../../core/config/show.ts')
    const {renderSettings} = await import('../../ui/config.ts')
    const {resolved, shown} = await showConfig({file: flags.config, flags: {profile: flags.profile}})
    this.log(renderSettings(resolved.settings, resolved.file))
    return shown
  }
}
