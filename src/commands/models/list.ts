import type {ListedModel} from '../../core/models/list.ts'

import {BaseCommand} from '../../base-command.ts'

export default class ModelsList extends BaseCommand {
  static override summary = 'List the models that have a name, and whether they are here.'

  static override description =
    'Models of the catalogue are pinned by version and sha256 and keep the licences of their makers. A model of your own needs no name: give the path of an .onnx or .xml file wherever a name is taken.'

  static override examples = [
    {description: 'What there is', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'The names of the models that are here',
      command: `<%= config.bin %> <%= command.id %> --json | jq -r '.models[] | select(.state == "installed").name'`,
    },
  ]

  async run(): Promise<{folder: string; models: ListedModel[]}> {
    await this.parse(ModelsList)
    const {listModels} = await import('../../core/models/list.ts')
    const {resolvePaths} = await import('../../core/paths.ts')
    const {renderModelList} = await import('../../ui/models.ts')
    const {models: folder} = resolvePaths()
    const models = await listModels(folder)
    this.log(renderModelList(models, folder))
    return {folder, models}
  }
}
