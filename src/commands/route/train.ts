import {Args, Flags} from '@oclif/core'

import type {TrainReport} from '../../core/routing/train.ts'

import {BaseCommand} from '../../base-command.ts'
import {deviceFlags} from '../../flags/engine.ts'

/** Apart from `await using`: tsc does not rewrite the names of files that are imported in a function with it. */
const load = async () => ({
  ...(await import('../../core/open-bridge.ts')),
  ...(await import('../../core/routing/lazy-engine.ts')),
  ...(await import('../../core/routing/train.ts')),
  ...(await import('../../ui/route.ts')),
})

export default class RouteTrain extends BaseCommand {
  static override summary = 'Learn to choose labels for texts from examples'

  static override description = `The file is JSON: a list of [text, label], or an object of such lists: train (what is learned), val and oos_train or oos_val (texts in and out of scope, to find where scope ends). What is learned is deterministic: the same file gives the same head.`

  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> intents.json --output intents.head',
      description: 'From words and meaning',
    },
    {
      command: '<%= config.bin %> <%= command.id %> intents.json --output words.head --method lexical',
      description: 'From words alone: no model is needed then, neither now nor later',
    },
    {
      description: 'Texts embedded on the NPU',
      command: '<%= config.bin %> <%= command.id %> intents.json --output intents.head --device npu',
    },
  ]

  static override args = {file: Args.string({description: 'examples', ignoreStdin: true, required: true})}

  static override flags = {
    output: Flags.string({
      char: 'o',
      description: 'where to write what was learned',
      helpValue: 'FILE',
      required: true,
    }),
    method: Flags.option({options: ['lexical', 'hybrid'] as const})({
      default: 'hybrid',
      description: 'words alone, or words and meaning (with the model minilm)',
    }),
    ...deviceFlags,
  }

  async run(): Promise<TrainReport> {
    const {args, flags} = await this.parse(RouteTrain)
    const {openBridge, LazyEngine, trainHead, renderTrainEvent, renderTraining} = await load()
    const {device, method, output, runtime} = flags
    await using lazy = new LazyEngine(async () => openBridge({device, runtime}))
    const report = await trainHead({
      file: args.file,
      method,
      onEvent: (event) => {
        this.logToStderr(renderTrainEvent(event))
      },
      openEngine: lazy.get,
      output,
      signal: this.interrupted,
    })
    this.log(renderTraining(report))
    return report
  }
}
