/** The workflow that runs, or the last that did, as a graph. */
import type {LiveWorkflow, LiveWorkflowTask} from '../../src/core/dashboard/live.ts'

import {graphOf} from '../../src/core/dashboard/graph.ts'
import {formatAge, formatLatency, formatSeconds} from '../../src/ui/units.ts'
import {byId, setText, svg} from '../dom.ts'

const [WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN] = [150, 42, 46, 14, 8]
/** More are no picture that anybody can follow. */
const MOST_TASKS = 80
const LONGEST_LABEL = 19
const KINDS: Readonly<Record<string, string>> = {
  completed: 'good',
  routed: 'good',
  failed: 'bad',
  skipped: 'warn',
  cancelled: 'warn',
}

export class WorkflowPanel {
  readonly #workflows = new Map<number, {toldAt: number; workflow: LiveWorkflow}>()
  #drawn: LiveWorkflow | undefined

  clear(): void {
    this.#workflows.clear()
  }

  add(workflows: readonly LiveWorkflow[] = []): void {
    for (const workflow of workflows) this.#workflows.set(workflow.number, {toldAt: performance.now(), workflow})
    while (this.#workflows.size > 8) this.#workflows.delete(this.#workflows.keys().next().value!)
  }

  show(isTold: boolean): void {
    const all = [...this.#workflows.values()].toReversed()
    const found = all.find(({workflow}) => workflow.state === 'running') ?? all[0]
    const said = byId('workflow-said')
    if (!found) {
      setText(
        said,
        isTold ? 'None has run on this server since it started.' : 'This server does not tell its workflows.',
      )
      if (this.#drawn) byId('workflow').replaceChildren()
      this.#drawn = undefined
      return
    }

    const {toldAt, workflow} = found
    setText(said, describe(workflow, performance.now() - toldAt))
    if (workflow === this.#drawn) return
    this.#drawn = workflow
    byId('workflow').replaceChildren(draw(workflow))
  }
}

function describe({ageMs, elapsedMs, error, state, tasks, total}: LiveWorkflow, since: number): string {
  const counts = [...Map.groupBy(tasks, ({status}) => status)].map(([status, own]) => `${own.length} ${status}`)
  const shown = tasks.length < total ? `, of which the first ${tasks.length} are told` : ''
  const what = `${total} task${total === 1 ? '' : 's'}${shown}: ${counts.join(', ')}.`
  if (state === 'running') return `Running for ${formatSeconds(Math.round((elapsedMs + since) / 1000))}. ${what}`
  const when = `Began ${formatAge(ageMs + since)} ago and took ${formatLatency(elapsedMs * 1000)}.`
  return state === 'failed' ? `Failed: ${error ?? 'for no reason that is told'}. ${when} ${what}` : `${when} ${what}`
}

function draw({tasks: all}: LiveWorkflow): SVGElement {
  const tasks = all.slice(0, MOST_TASKS)
  const {edges, levels} = graphOf(tasks)
  const place = new Map<number, {x: number; y: number}>()
  for (const [column, level] of levels.entries()) {
    for (const [row, task] of level.entries()) {
      place.set(task, {x: MARGIN + column * (WIDTH + GAP_X), y: MARGIN + row * (HEIGHT + GAP_Y)})
    }
  }

  const width = 2 * MARGIN + levels.length * (WIDTH + GAP_X) - GAP_X
  const height = 2 * MARGIN + Math.max(...levels.map(({length}) => length), 1) * (HEIGHT + GAP_Y) - GAP_Y
  const label = `Graph of ${tasks.length} tasks: ${tasks.map(({id, status}) => `${id} ${status}`).join(', ')}`
  const lines = edges.map(([from, to]) => {
    const [a, b] = [place.get(from)!, place.get(to)!]
    const [x, y, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2]
    const bend = Math.max(20, Math.abs(x2 - x) / 2)
    return svg('path', {class: 'edge', d: `M${x} ${y}C${x + bend} ${y} ${x2 - bend} ${y2} ${x2} ${y2}`})
  })
  return svg(
    'svg',
    {class: 'graph', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label},
    ...lines,
    ...tasks.map((task, index) => drawTask(task, place.get(index)!)),
  )
}

function drawTask({agent, id, status}: LiveWorkflowTask, {x, y}: {x: number; y: number}): SVGElement {
  return svg(
    'g',
    {'data-kind': KINDS[status] ?? 'wait', 'data-task': id, transform: `translate(${x} ${y})`},
    svg('title', {}, `${id}: ${status}`),
    svg('rect', {width: WIDTH, height: HEIGHT, rx: 8}),
    svg('text', {x: 10, y: 18}, cut(id)),
    svg('text', {x: 10, y: 33, class: 'agent'}, cut(`${status}${agent === null ? '' : ` · ${agent}`}`, 24)),
  )
}

function cut(text: string, most = LONGEST_LABEL): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`
}
