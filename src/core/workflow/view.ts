/** A plan as it is shown. */
import type {Prepared} from './workflow.ts'

export interface PlanView {
  readonly name: string
  readonly levels: readonly number[]
  readonly tasks: ReadonlyArray<{
    readonly id: string
    readonly agent: string
    readonly description: string
    readonly priority: number
    readonly dependencies: readonly string[]
    readonly routing: Prepared['plan']['tasks'][number]['routing']
    readonly handler: null | string
    readonly level: number
  }>
}

export function planView({order, plan}: Prepared): PlanView {
  const {list, settings, tasks} = plan
  return {
    name: settings.name,
    levels: order.levels,
    tasks: tasks.map(({agent, dependencies, description, id, priority, routing}, index) => ({
      id,
      agent,
      description,
      priority,
      dependencies,
      routing,
      handler: list.agents.get(agent)?.handler?.kind ?? null,
      level: order.levels[index]!,
    })),
  }
}
