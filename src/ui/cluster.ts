/** What `worker` and the commands of `cluster` say. */
import {mark} from './mark.ts'
import {renderTable} from './table.ts'
import {formatBytes, formatMicroseconds} from './units.ts'

export interface JoinedView {
  readonly node: string
  readonly queue: string
  readonly engine: string
  readonly profile: string
  readonly devices: readonly string[]
  readonly capacity: number
  readonly agents: readonly string[]
}

export function renderJoined({agents, capacity, devices, engine, node, profile, queue}: JoinedView): string {
  const where = devices.length === 0 ? '' : ` on ${devices.join(', ')}`
  return [
    `${mark('ok')} ${node} has joined ${queue}`,
    `  Runs      ${engine} engine${where}, profile ${profile}, up to ${capacity} operations at once from each lane`,
    ...(agents.length === 0 ? [] : [`  Agents    ${agents.join(', ')}`]),
    '  Stop it with Ctrl-C: what it has is ended first',
  ].join('\n')
}

export type WorkerEventView =
  | {readonly type: 'problem'; readonly message: string}
  | {readonly type: 'redis'; readonly isThere: boolean}
  | {readonly type: 'state'; readonly state: string}

export function renderWorkerEvent(event: WorkerEventView): string {
  switch (event.type) {
    case 'problem': {
      return `! ${event.message}`
    }

    case 'redis': {
      return event.isThere
        ? '✔ Redis is back'
        : '! Redis is away; what is under way goes on, and is answered when it is back'
    }

    case 'state': {
      return event.state === 'ready' ? '✔ takes operations' : `! ${event.state}`
    }
  }
}

export interface NodeView {
  readonly name: string
  readonly state: string
  readonly version: string
  readonly devices: ReadonlyArray<{
    readonly name: string
    readonly thermal: string
    readonly temperatureCelsius: number | null
  }>
  readonly models: readonly string[]
  readonly running: number
  readonly capacity: number
  readonly done: number
  readonly failed: number
  readonly recovered: number
  readonly p99Us: number | null
  readonly clockSkewMs: number
}

interface Counts {
  readonly waiting: number
  readonly active: number
  readonly delayed: number
  readonly failed: number
}

export interface PoolView {
  readonly queue: string
  readonly pool: string
  readonly redisVersion: string
  readonly persistent: boolean
  readonly memoryBytes: number
  readonly nodes: readonly NodeView[]
  readonly lanes: ReadonlyArray<Counts & {readonly lane: string}>
  readonly totals: Counts
}

const WITHOUT_NODES = '  Start one on each host that is to work: npubridge worker --queue URL'
/** Beyond this the clock of a host should be looked at; deadlines do not depend on it. */
const NOTABLE_SKEW_MS = 1000

export function renderPool({
  lanes,
  memoryBytes,
  nodes,
  persistent,
  pool,
  queue,
  redisVersion,
  totals,
}: PoolView): string {
  const ready = nodes.filter(({state}) => state === 'ready').length
  const {active, delayed, failed, waiting} = totals
  const lines = [
    `${mark(ready > 0 ? 'ok' : 'failed')} ${pool} at ${queue}: ${ready} of ${nodes.length} nodes take operations`,
    `  Work      ${waiting} waiting · ${active} running · ${delayed} to be tried again · ${failed} failed`,
    `  Redis     ${redisVersion} · ${formatBytes(memoryBytes)} · ${persistent ? 'keeps its data over a restart' : 'loses everything at a restart (appendonly no)'}`,
  ]
  if (nodes.length === 0) lines.push(WITHOUT_NODES)
  if (failed > 0) lines.push('  npubridge cluster failed    tells why')
  if (lanes.length > 0) lines.push(renderLanes(lanes))
  return lines.join('\n')
}

function renderLanes(lanes: PoolView['lanes']): string {
  const right = {align: 'right'} as const
  return renderTable({
    columns: [{title: 'lane'}, ...['waiting', 'running', 'again', 'failed'].map((title) => ({title, ...right}))],
    rows: lanes.map(({active, delayed, failed, lane, waiting}) => [
      lane,
      ...[waiting, active, delayed, failed].map(String),
    ]),
  })
}

export function renderNodes(nodes: readonly NodeView[], queue: string): string {
  if (nodes.length === 0) return `No worker has joined the pool at ${queue}.\n${WITHOUT_NODES}`
  const right = {align: 'right'} as const
  return renderTable({
    columns: [
      {title: 'node'},
      {title: 'state'},
      {title: 'devices'},
      {title: 'models'},
      {title: 'running', ...right},
      {title: 'done', ...right},
      {title: 'failed', ...right},
      {title: 'p99', ...right},
      {title: 'version'},
    ],
    rows: nodes.map((node) => [
      node.name,
      stateText(node),
      node.devices.map((device) => deviceText(device)).join(', ') || 'none',
      node.models.join(', ') || 'none',
      `${node.running}/${node.capacity}`,
      String(node.done),
      String(node.failed),
      node.p99Us === null ? 'unknown' : formatMicroseconds(node.p99Us),
      node.version,
    ]),
  })
}

function stateText({clockSkewMs, state}: NodeView): string {
  const skew =
    Math.abs(clockSkewMs) > NOTABLE_SKEW_MS
      ? `, its clock is off by ${formatMicroseconds(Math.abs(clockSkewMs) * 1000)}`
      : ''
  return `${mark(state === 'ready' ? 'ok' : 'warning')} ${state}${skew}`
}

function deviceText({name, temperatureCelsius, thermal}: NodeView['devices'][number]): string {
  const notes = [
    ...(temperatureCelsius === null ? [] : [`${Math.round(temperatureCelsius)} °C`]),
    ...(thermal === 'throttled' ? ['throttled'] : []),
  ]
  return notes.length === 0 ? name : `${name} (${notes.join(', ')})`
}

export function renderDrained({node, running, state}: {node: string; running: number; state: string}): string {
  if (state === 'ready') return `${mark('ok')} ${node} takes operations`
  return [
    `${mark('ok')} ${node} is ${state}, ${running} operations left`,
    `  Undo with: npubridge cluster drain ${node} --undo`,
  ].join('\n')
}

export interface FailedView {
  readonly id: string
  readonly lane: string
  readonly what: null | string
  readonly attempts: number
  readonly reason: string
  readonly failedAt: string
}

export function renderFailed(failed: readonly FailedView[]): string {
  if (failed.length === 0) return 'Nothing has failed.'
  const table = renderTable({
    columns: [{title: 'failed at'}, {title: 'id'}, {title: 'what'}, {title: 'begun', align: 'right'}, {title: 'why'}],
    rows: failed.map(({attempts, failedAt, id, reason, what}) => [
      failedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
      id,
      what ?? 'unknown',
      String(attempts),
      reason,
    ]),
  })
  return `${table}\n  Another try: npubridge cluster requeue ID, or --all`
}

export function renderRequeued({
  requeued,
  skipped,
}: {
  requeued: readonly string[]
  skipped: ReadonlyArray<{readonly id: string; readonly reason: string}>
}): string {
  return [
    `${mark(requeued.length > 0 ? 'ok' : 'none')} ${requeued.length} put back`,
    ...skipped.map(({id, reason}) => `  ${id} not: ${reason}`),
  ].join('\n')
}
