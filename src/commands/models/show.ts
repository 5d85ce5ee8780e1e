import {Args, Flags} from '@oclif/core'

import type {ShownModel} from '../../core/models/show.ts'

import {BaseCommand} from '../../base-command.ts'
import {configFlag} from '../../flags/config.ts'

export default class ModelsShow extends BaseCommand {
  static override summary = "Show a model's inputs, outputs, shapes and datatypes, its licence and where it comes from."

  static override description =
    'OpenVINO reads the model in a separate process, without compiling it. A dimension that is shown as ? is free.'

  static override examples = [
    {description: 'A model of the catalogue', command: '<%= config.bin %> <%= command.id %> silero-vad'},
    {description: 'A file of your own', command: '<%= config.bin %> <%= command.id %> ./model.onnx'},
    {
      description: 'The names of its inputs, for scripts',
      command: `<%= config.bin %> <%= command.id %> magika --json | jq -r '.tensors.inputs[].name'`,
    },
  ]

  static override args = {
    model: Args.string({description: 'The name of a model, or the path of an .onnx or .xml file.', required: true}),
  }

  static override flags = {
    runtime: Flags.directory({description: 'Read it with the OpenVINO in this folder.', helpValue: 'DIR'}),
    ...configFlag,
  }

  async run(): Promise<ShownModel> {
    const {args, flags} = await this.parse(ModelsShow)
    const {configuredRuntime} = await import('../../core/config/runtime.ts')
    const {showModel} = await import('../../core/models/show.ts')
    const {resolvePaths} = await import('../../core/paths.ts')
    const {renderModel} = await import('../../ui/models.ts')
    const runtime = await configuredRuntime(flags)
    const model = await showModel(args.model, {runtime, paths: resolvePaths(), signal: this.interrupted})
    this.log(renderModel(model))
    return model
  }
}
