import {Args, Flags} from '@oclif/core'

import type {PulledModel} from '../../core/models/pull.ts'

import {BaseCommand, ExitError} from '../../base-command.ts'
import {EXIT, NpuBridgeError} from '../../core/errors.ts'
import {CATALOGUE} from '../../core/models/catalogue.ts'

const NAMES = CATALOGUE.map(({name}) => name).join(', ')

export default class ModelsPull extends BaseCommand {
  static override summary = 'Fetch models by name.'

  static override description =
    'Each model comes out of the wheel that its makers publish on PyPI, downloaded with pip, whose mirrors, proxies and certificates apply, and checked against a pinned sha256. A model that is here and whole is left alone. Interrupt it at any time and run it again; two at once are safe.'

  static override examples = [
    {description: 'Speech detection and file types', command: '<%= config.bin %> <%= command.id %> silero-vad magika'},
    {description: 'Everything', command: '<%= config.bin %> <%= command.id %> --all'},
    {
      description: 'Without a network, from a folder that the wheels were copied to',
      command: '<%= config.bin %> <%= command.id %> silero-vad --wheels ./wheels',
    },
    {
      description: 'Anew, whatever is there',
      command: '<%= config.bin %> <%= command.id %> minilm --force',
    },
  ]

  static override args = {
    names: Args.string({description: `Names of models: ${NAMES}`, multiple: true}),
  }

  static override flags = {
    all: Flags.boolean({description: 'Fetch every model of the catalogue.'}),
    force: Flags.boolean({description: 'Fetch models anew that are here already.'}),
    wheels: Flags.directory({
      description: 'Take the wheels from this folder instead of downloading them.',
      helpValue: 'DIR',
    }),
  }

  async run(): Promise<{models: PulledModel[]}> {
    const {args, flags} = await this.parse(ModelsPull)
    const {pullModels} = await import('../../core/models/pull.ts')
    const {resolvePaths} = await import('../../core/paths.ts')
    const {renderPulled} = await import('../../ui/models.ts')
    const {TaskList} = await import('../../ui/tasks.ts')
    const names = args.names ?? []
    if (names.length === 0 && !flags.all) throw new ExitError(nothingAsked(), EXIT.usage)
    const tasks = new TaskList({silent: this.jsonEnabled(), titleOf: (name) => `Fetch ${name}`})
    try {
      const models = await pullModels(flags.all ? CATALOGUE.map(({name}) => name) : names, {
        ...flags,
        paths: resolvePaths(),
        signal: this.interrupted,
        onEvent: tasks.onEvent,
      })
      await tasks.close()
      this.log(renderPulled(models))
      return {models}
    } finally {
      await tasks.close()
    }
  }
}

function nothingAsked(): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', 'No model was named.', {
    suggestions: [`Name some of ${NAMES}: npubridge models pull silero-vad`, 'npubridge models pull --all'],
  })
}
