import {Args, Flags} from '@oclif/core'

import type {DrainReport} from '../../core/cluster/pool/drain.ts'

import {BaseCommand} from '../../base-command.ts'
import {poolFlags} from '../../flags/cluster.ts'

export default class ClusterDrain extends BaseCommand {
  static override summary = 'Take a node out of a pool without losing what it has'
  static override description =
    'The node takes no more operations and ends those that it has; what waits in its lane is sent on to others. It stays drained, also after a restart, until --undo. Returns when it is done.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> rack3-npu0', description: 'Before its host is worked on'},
    {command: '<%= config.bin %> <%= command.id %> rack3-npu0 --undo', description: 'Afterwards'},
    {
      description: 'Of a pool that the configuration does not name, waiting for a minute',
      command: '<%= config.bin %> <%= command.id %> rack3-npu0 --queue redis://127.0.0.1:6379 --wait-ms 60000',
    },
  ]

  static override args = {node: Args.string({description: 'name of the node', required: true})}
  static override flags = {
    ...poolFlags,
    undo: Flags.boolean({default: false, description: 'let it take operations again'}),
    'wait-ms': Flags.integer({
      default: 60_000,
      description: 'how long to wait for what it has to end',
      helpValue: 'MS',
      min: 0,
    }),
  }

  async run(): Promise<DrainReport> {
    const {args, flags} = await this.parse(ClusterDrain)
    const {drain} = await import('../../core/cluster/pool/drain.ts')
    const {poolOf} = await import('../../core/cluster/pool/settings.ts')
    const {renderDrained} = await import('../../ui/cluster.ts')
    const report = await drain(await poolOf(flags), {
      name: args.node,
      signal: this.interrupted,
      undo: flags.undo,
      waitMs: flags['wait-ms'],
    })
    this.log(renderDrained(report))
    return report
  }
}
