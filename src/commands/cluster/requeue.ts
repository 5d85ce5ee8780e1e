import {Args, Flags} from '@oclif/core'

import type {RequeueReport} from '../../core/cluster/pool/failed.ts'

import {BaseCommand, ExitError} from '../../base-command.ts'
import {EXIT, NpuBridgeError} from '../../core/errors.ts'
import {poolFlags} from '../../flags/cluster.ts'

export default class ClusterRequeue extends BaseCommand {
  static override strict = false
  static override summary = 'Give failed operations another try'
  static override description =
    'Whoever submitted them has been told that they failed, and is not told again; this is for operations that have an effect of their own, and to see whether a fault is gone. Those whose deadline is over are skipped.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> 4f0c…', description: 'One, by the id that `cluster failed` shows'},
    {command: '<%= config.bin %> <%= command.id %> --all', description: 'All of them'},
    {
      description: 'Of a pool that the configuration does not name',
      command: '<%= config.bin %> <%= command.id %> --all --queue redis://127.0.0.1:6379',
    },
  ]

  static override args = {id: Args.string({description: 'id of a failed operation; several may be given'})}
  static override flags = {...poolFlags, all: Flags.boolean({default: false, description: 'all that have failed'})}

  async run(): Promise<RequeueReport> {
    const {argv, flags} = await this.parse(ClusterRequeue)
    const {requeue} = await import('../../core/cluster/pool/failed.ts')
    const {poolOf} = await import('../../core/cluster/pool/settings.ts')
    const {renderRequeued} = await import('../../ui/cluster.ts')
    if ((argv.length === 0) !== flags.all) {
      throw new ExitError(new NpuBridgeError('INVALID_ARGUMENT', 'give ids, or --all'), EXIT.usage)
    }

    const report = await requeue(await poolOf(flags), flags.all ? undefined : (argv as string[]))
    this.log(renderRequeued(report))
    return report
  }
}
