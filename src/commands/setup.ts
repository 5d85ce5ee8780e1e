import {Flags} from '@oclif/core'

import type {SetupResult, SetupStep} from '../core/runtime/setup.ts'

import {BaseCommand} from '../base-command.ts'
import {PINNED_VERSION} from '../core/runtime/wheel.ts'
import {configFlag} from '../flags/config.ts'

const TITLES: Record<SetupStep, string> = {
  find: 'Look for an OpenVINO runtime that works',
  prepare: 'Check the disk space',
  wait: 'Wait for another npubridge setup to finish',
  download: `Download OpenVINO ${PINNED_VERSION}`,
  unpack: 'Unpack what is needed',
  test: 'Put it to the test',
}

export default class Setup extends BaseCommand {
  static override summary = 'Find an OpenVINO runtime that works on this machine, or install one.'

  static override description = [
    "A runtime that is there already is tested and used: an earlier setup's, Python's openvino package, Intel's archive, the system's. Otherwise the OpenVINO wheel that npubridge is pinned to is downloaded with pip, whose mirrors, proxies and certificates apply, and its sha256 is checked. Only libraries are unpacked (156 MB on Linux), and nothing is put in place before a tiny model has run in a separate process.",
    'It needs no root and writes nothing outside ~/.local/share/npubridge and ~/.cache/npubridge (or NPUBRIDGE_HOME). Interrupt it at any time and run it again; two at once are safe.',
  ].join('\n\n')

  static override examples = [
    {description: 'Make this machine ready', command: '<%= config.bin %> <%= command.id %>'},
    {
      description: 'The folder of the runtime, for scripts',
      command: '<%= config.bin %> <%= command.id %> --json | jq -r .runtime.folder',
    },
    {description: 'Install the pinned runtime anew', command: '<%= config.bin %> <%= command.id %> --force'},
    {
      description: 'Use an OpenVINO that is installed somewhere',
      command: '<%= config.bin %> <%= command.id %> --runtime /opt/intel/openvino_2026',
    },
    {
      description: 'Without a network, from a wheel that was copied here',
      command:
        '<%= config.bin %> <%= command.id %> --wheel ./openvino-2026.4.1-22982-cp312-cp312-manylinux_2_28_x86_64.whl',
    },
  ]

  static override flags = {
    runtime: Flags.directory({
      description: 'Test the OpenVINO in this folder and use it from now on. Undone by --force.',
      helpValue: 'DIR',
      exclusive: ['wheel', 'force'],
    }),
    wheel: Flags.file({
      description: 'Install from this wheel file instead of downloading it; it must be the pinned one.',
      helpValue: 'FILE',
    }),
    force: Flags.boolean({
      description: 'Install the pinned runtime even if one is there, and forget what --runtime recorded.',
    }),
    ...configFlag,
  }

  async run(): Promise<SetupResult> {
    const {flags} = await this.parse(Setup)
    const {configuredRuntime} = await import('../core/config/runtime.ts')
    const {resolvePaths} = await import('../core/paths.ts')
    const {setupRuntime} = await import('../core/runtime/setup.ts')
    const {renderSetup} = await import('../ui/setup.ts')
    const {TaskList} = await import('../ui/tasks.ts')
    const tasks = new TaskList({silent: this.jsonEnabled(), titleOf: (step) => TITLES[step as SetupStep]})
    try {
      const result = await setupRuntime({
        ...flags,
        configured: await configuredRuntime({config: flags.config}),
        paths: resolvePaths(),
        signal: this.interrupted,
        onEvent: tasks.onEvent,
      })
      await tasks.close()
      this.log(renderSetup(result))
      return result
    } finally {
      await tasks.close()
    }
  }
}
