import type {PoolStatus} from '../../core/cluster/pool/status.ts'

import {PoolCommand} from '../../pool-command.ts'

export default class ClusterStatus extends PoolCommand {
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

  async run(): Promise<PoolStatus> {
    const {flags} = await this.parse(ClusterStatus)
    const {readPool} = await import('../../core/cluster/pool/status.ts')
    const {renderPool} = await import('../../ui/cluster.ts')
    return this.look(flags, readPool, renderPool)
  }
}
