import {Flags} from '@oclif/core'

import type {WrittenConfig} from '../../core/config/init.ts'

import {BaseCommand} from '../../base-command.ts'

export default class ConfigInit extends BaseCommand {
  static override summary = 'Write a configuration to start from, in this folder'

  static override description =
    'Editors check it by the schema that it names. A configuration that is there is not written over without --force (exit 4).'

  static override examples = [
    {description: 'npubridge.config.json', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'npubridge.config.yaml, with every setting as a comment',
      command: '<%= config.bin %> <%= command.id %> --format yaml',
    },
    {
      description: 'Anew, over the one that is there',
      command: '<%= config.bin %> <%= command.id %> --force',
    },
  ]

  static override flags = {
    force: Flags.boolean({description: 'write over the file of the same name'}),
    format: Flags.option({options: ['json', 'yaml'] as const})({default: 'json', description: 'what to write'}),
  }

  async run(): Promise<WrittenConfig> {
    const {flags} = await this.parse(ConfigInit)
    const {initConfig} = await import('../../core/config/init.ts')
    const {renderWrittenConfig} = await import('../../ui/config.ts')
    const written = await initConfig({...flags, folder: process.cwd()})
    this.log(renderWrittenConfig(written))
    return written
  }
}
