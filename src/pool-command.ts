import type {ClusterOptions} from './core/cluster/options.ts'

import {BaseCommand} from './base-command.ts'
import {poolFlags, watchFlags} from './flags/cluster.ts'

/** A command that looks at a pool, once or again and again. */
export abstract class PoolCommand extends BaseCommand {
  static override flags = {...poolFlags, ...watchFlags}

  /** Shows what `read` gives as `render` has it, until it is interrupted where somebody watches; gives the last of it. */
  protected async look<T>(
    flags: {config?: string | undefined; interval: number; queue?: string | undefined; watch: boolean},
    read: (options: ClusterOptions) => Promise<T>,
    render: (seen: T) => string,
  ): Promise<T> {
    const {poolOf} = await import('./core/cluster/pool/settings.ts')
    const {look} = await import('./core/cluster/pool/watch.ts')
    const {liveView} = await import('./ui/live-view.ts')
    const options = await poolOf(flags)
    const show = liveView(process.stdout, (text) => {
      this.log(text)
    })
    return look({
      intervalMs: flags.watch ? flags.interval : undefined,
      read: async () => read(options),
      show(seen) {
        show(render(seen))
      },
      signal: this.interrupted,
    })
  }
}
