import type {FailedJob} from '../../core/cluster/pool/failed.ts'

import {BaseCommand} from '../../base-command.ts'
import {poolFlags, watchFlags} from '../../flags/cluster.ts'

export default class ClusterFailed extends BaseCommand {
  static override summary = 'The operations that a pool has given up, and why'
  static override description =
    'Those whose deadline had passed, whose worker died of them again and again, whose device failed on every try, or that no worker understands. What is wrong with an operation itself is told to its caller and not kept here.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %>', description: 'For people'},
    {
      command: `<%= config.bin %> <%= command.id %> --json | jq -r '.failed[] | select(.reason | startswith("DEVICE_LOST")).id'`,
      description: 'Those whose device was lost, for scripts',
    },
    {
      description: 'Every five seconds',
      command: '<%= config.bin %> <%= command.id %> --queue redis://127.0.0.1:6379 --watch --interval 5000',
    },
  ]

  static override flags = {...poolFlags, ...watchFlags}

  async run(): Promise<{failed: readonly FailedJob[]}> {
    const {flags} = await this.parse(ClusterFailed)
    const {failedJobs} = await import('../../core/cluster/pool/failed.ts')
    const {poolOf} = await import('../../core/cluster/pool/settings.ts')
    const {look} = await import('../../core/cluster/pool/watch.ts')
    const {renderFailed} = await import('../../ui/cluster.ts')
    const {liveView} = await import('../../ui/live-view.ts')
    const options = await poolOf(flags)
    const show = liveView(process.stdout, (text) => {
      this.log(text)
    })
    const failed = await look({
      intervalMs: flags.watch ? flags.interval : undefined,
      read: async () => failedJobs(options),
      show(jobs) {
        show(renderFailed(jobs))
      },
      signal: this.interrupted,
    })
    return {failed}
  }
}
