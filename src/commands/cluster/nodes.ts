import type {PoolNodes} from '../../core/cluster/pool/nodes.ts'

import {PoolCommand} from '../../pool-command.ts'

export default class ClusterNodes extends PoolCommand {
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

  async run(): Promise<PoolNodes> {
    const {flags} = await this.parse(ClusterNodes)
    const {readNodes} = await import('../../core/cluster/pool/nodes.ts')
    const {renderNodes} = await import('../../ui/cluster.ts')
    return this.look(flags, readNodes, ({nodes, queue}) => renderNodes(nodes, queue))
  }
}
