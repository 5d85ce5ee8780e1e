import type {PoolNodes} from '../../core/cluster/pool/nodes.ts'

import {BaseCommand} from '../../base-command.ts'
import {poolFlags, watchFlags} from '../../flags/cluster.ts'

export default class ClusterNodes extends BaseCommand {
  static override summary = 'The nodes of a pool: devices, models, load, temperature, what they have done'
  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379 --watch',
      description: 'For people, again and again',
    },
    {
      command: `<%= config.bin %> <%= command.id %> --json | jq -r '.nodes[] | select(.state != "ready").name'`,
      description: 'Those that take no operations, for scripts; the pool is that of the configuration',
    },
    {
      description: 'Every half second',
      command: '<%= config.bin %> <%= command.id %> --watch --interval 500',
    },
  ]

  static override flags = {...poolFlags, ...watchFlags}

  async run(): Promise<PoolNodes> {
    const {flags} = await this.parse(ClusterNodes)
    const {readNodes} = await import('../../core/cluster/pool/nodes.ts')
    const {poolOf} = await import('../../core/cluster/pool/settings.ts')
    const {look} = await import('../../core/cluster/pool/watch.ts')
    const {renderNodes} = await import('../../ui/cluster.ts')
    const {liveView} = await import('../../ui/live-view.ts')
    const options = await poolOf(flags)
    const show = liveView(process.stdout, (text) => {
      this.log(text)
    })
    return look({
      intervalMs: flags.watch ? flags.interval : undefined,
      read: async () => readNodes(options),
      show({nodes, queue}) {
        show(renderNodes(nodes, queue))
      },
      signal: this.interrupted,
    })
  }
}
