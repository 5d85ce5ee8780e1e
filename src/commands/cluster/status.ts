import {BaseCommand} from '../../base-command.ts'
import {poolOf} from '../../core/cluster/pool/settings.ts'
import {type PoolStatus, readPool} from '../../core/cluster/pool/status.ts'
import {look} from '../../core/cluster/pool/watch.ts'
import {poolFlags, watchFlags} from '../../flags/cluster.ts'
import {renderPool} from '../../ui/cluster.ts'
import {liveView} from '../../ui/live-view.ts'

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
  ]

  static override flags = {...poolFlags, ...watchFlags}

  async run(): Promise<PoolStatus> {
    const {flags} = await this.parse(ClusterStatus)
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
