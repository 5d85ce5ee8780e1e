import type {PoolStatus} from '../../core/cluster/pool/status.ts'

import {BaseCommand} from '../../base-command.ts'
import {poolFlags, watchFlags} from '../../flags/cluster.ts'

export default class ClusterStatus extends BaseCommand {
  static override summary = 'How a pool is: its Redis server, its nodes, and what waits in its lanes'
  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379 --watch',
      description: 'For people, again and again',
    },
    {
      command: `<%= config.bin %> <%= command.id %> --json | jq '.totals.waiting'`,
      description: 'How many operations wait, for scripts; the pool is that of the configuration',
    },
    {
      description: 'Every half second',
      command: '<%= config.bin %> <%= command.id %> --watch --interval 500',
    },
  ]

  static override flags = {...poolFlags, ...watchFlags}

  async run(): Promise<PoolStatus> {
    const {flags} = await this.parse(ClusterStatus)
    const {poolOf} = await import('../../core/cluster/pool/settings.ts')
    const {readPool} = await import('../../core/cluster/pool/status.ts')
    const {look} = await import('../../core/cluster/pool/watch.ts')
    const {renderPool} = await import('../../ui/cluster.ts')
    const {liveView} = await import('../../ui/live-view.ts')
    const options = await poolOf(flags)
    const show = liveView(process.stdout, (text) => {
      this.log(text)
    })
    return look({
      intervalMs: flags.watch ? flags.interval : undefined,
      read: async () => readPool(options),
      show(status) {
        show(renderPool(status))
      },
      signal: this.interrupted,
    })
  }
}
