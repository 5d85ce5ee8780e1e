/** How agents look. */
import {styleText} from 'node:util'

import {mark} from './mark.ts'
import {renderTable} from './table.ts'

export interface AgentView {
  readonly name: string
  readonly description: string
  readonly examples: readonly string[]
  readonly priority: number
  readonly capabilities: readonly string[]
  readonly tools: readonly string[]
  readonly model: null | string
  readonly handler: null | Readonly<Record<string, unknown>>
  readonly file: null | string
}

export interface ProblemView {
  readonly file: string
  readonly message: string
}

const SHOWN_DESCRIPTION = 80

export function renderAgents(agents: readonly AgentView[], problems: readonly ProblemView[]): string {
  if (agents.length === 0 && problems.length === 0) return 'There are no agents.'
  const table = renderTable({
    columns: [{title: 'agent'}, {title: 'priority', align: 'right'}, {title: 'does tasks by'}, {title: 'description'}],
    rows: agents.map(({description, handler, name, priority}) => [
      name,
      String(priority),
      handlerName(handler),
      shortened(description),
    ]),
  })
  return [table, ...renderProblems(problems)].join('\n')
}

function handlerName(handler: AgentView['handler']): string {
  return handler === null ? '— (routed only)' : String(handler.kind)
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > SHOWN_DESCRIPTION ? `${line.slice(0, SHOWN_DESCRIPTION - 1)}…` : line
}

export function renderAgent(agent: AgentView): string {
  const lines: Array<readonly [string, string]> = [
    ['File', agent.file ?? '—'],
    ['Priority', String(agent.priority)],
    ['Capabilities', agent.capabilities.join(', ') || '—'],
    ['Tools', agent.tools.join(', ') || '—'],
    ['Model', agent.model ?? '—'],
    ['Does tasks by', agent.handler === null ? 'nothing: they are routed to it' : JSON.stringify(agent.handler)],
    ...agent.examples.map((example) => ['Example', example] as const),
  ]
  return [
    styleText('bold', agent.name, {stream: process.stdout}),
    agent.description,
    ...lines.map(([name, value]) => `  ${name.padEnd(14)} ${value}`),
  ].join('\n')
}

export function renderProblems(problems: readonly ProblemView[]): string[] {
  return problems.map(({file, message}) => {
    const text = message.startsWith(file) ? message : `${file}: ${message}`
    return `${mark('failed')} ${text}`
  })
}

export function renderCheck(folder: string, count: number, problems: readonly ProblemView[]): string {
  const wrong = problems.length === 0 ? [] : [`${problems.length} of the files are wrong and were skipped:`]
  const sign = mark(problems.length === 0 ? 'ok' : 'warning')
  return [`${sign} ${folder}: ${count} agents`, ...wrong, ...renderProblems(problems)].join('\n')
}
