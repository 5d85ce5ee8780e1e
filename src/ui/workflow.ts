/** How a workflow looks: planned, as a tree of levels or a Mermaid graph, and done, as an account. */
import {styleText} from 'node:util'

import {mark} from './mark.ts'
import {renderTable} from './table.ts'
import {formatMicroseconds} from './units.ts'

export interface PlannedTask {
  readonly id: string
  readonly agent: string
  readonly description: string
  readonly priority: number
  readonly dependencies: readonly string[]
  readonly routing: {readonly method: string; readonly score: number; readonly reason: null | string} | null
  /** What does it: `command`, `operation`, `callback`; null: nothing, it is only routed. */
  readonly handler: null | string
}

/** Levels as a tree; within one, tasks may run side by side. */
export function renderTree(name: string, tasks: readonly PlannedTask[], levels: readonly number[]): string {
  const last = Math.max(...levels)
  const lines = [styleText('bold', name, {stream: process.stdout})]
  for (let level = 0; level <= last; level++) {
    const own = tasks.filter((_, index) => levels[index] === level)
    const isLast = level === last
    lines.push(`${isLast ? '└─' : '├─'} level ${level}${own.length > 1 ? `  ${own.length} side by side` : ''}`)
    for (const [index, task] of own.entries()) {
      lines.push(`${isLast ? '  ' : '│ '} ${index === own.length - 1 ? '└─' : '├─'} ${describeTask(task)}`)
    }
  }

  return lines.join('\n')
}

function describeTask({agent, dependencies, handler, id, priority, routing}: PlannedTask): string {
  const how = routing === null ? '' : ` by ${routing.method}`
  const parts = [
    `${id} → ${agent}${how}`,
    handler ?? 'routed only',
    ...(priority === 50 ? [] : [`priority ${priority}`]),
    ...(dependencies.length > 0 ? [`after ${dependencies.join(', ')}`] : []),
  ]
  return parts.join(' · ')
}

/** The graph in Mermaid's language. */
export function renderMermaid(tasks: readonly PlannedTask[]): string {
  const numbers = new Map(tasks.map(({id}, index) => [id, `t${index}`]))
  const label = (text: string) => text.replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll(/\s+/g, ' ')
  return [
    'graph TD',
    ...tasks.map(({agent, id}) => `  ${numbers.get(id)}["${label(id)}<br/>${label(agent)}"]`),
    ...tasks.flatMap(({dependencies, id}) =>
      dependencies.map((dependency) => `  ${numbers.get(dependency)} --> ${numbers.get(id)}`),
    ),
  ].join('\n')
}

export interface ReportView {
  readonly workflow: string
  readonly total: number
  readonly completed: number
  readonly resumed: number
  readonly routed: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly elapsedUs: number
  readonly overheadUs: number
  readonly peakRunning: number
  readonly criticalPath: readonly string[]
  readonly criticalPathUs: number
  readonly agents: ReadonlyArray<{
    readonly agent: string
    readonly tasks: number
    readonly completed: number
    readonly failed: number
    readonly busyUs: number
    readonly utilisation: number
  }>
  readonly interrupted: boolean
}

const SHOWN_PATH = 8

/** The account, answer first. */
export function renderReport(report: ReportView): string {
  const {completed, criticalPath, failed, interrupted, resumed, total} = report
  const good = failed === 0 && !interrupted && report.cancelled === 0
  const others = (['failed', 'skipped', 'routed', 'cancelled'] as const).filter((each) => report[each] > 0)
  const counts = [
    `${completed} of ${total} tasks done${resumed > 0 ? ` (${resumed} by an earlier run)` : ''}`,
    ...others.map((each) => `${report[each]} ${each}`),
  ]
  const path = criticalPath.length > SHOWN_PATH ? ['…', ...criticalPath.slice(-SHOWN_PATH)] : criticalPath
  return [
    `${mark(good ? 'ok' : 'failed')} ${counts.join(' · ')} in ${formatMicroseconds(report.elapsedUs)}`,
    `  Critical path  ${path.join(' → ')} (${formatMicroseconds(report.criticalPathUs)})`,
    `  Coordination   ${formatMicroseconds(report.overheadUs)} outside of tasks; at most ${report.peakRunning} at once`,
    renderTable({
      columns: [
        {title: 'agent'},
        {title: 'tasks', align: 'right'},
        {title: 'done', align: 'right'},
        {title: 'failed', align: 'right'},
        {title: 'busy', align: 'right'},
        {title: 'utilisation', align: 'right'},
      ],
      rows: report.agents.map((agent) => [
        agent.agent,
        String(agent.tasks),
        String(agent.completed),
        String(agent.failed),
        formatMicroseconds(agent.busyUs),
        `${Math.round(agent.utilisation * 100)} %`,
      ]),
    }),
  ].join('\n')
}
