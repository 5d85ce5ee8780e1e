/** The nodes of a pool as one engine, and as metrics. */
import type {Health, PerformanceMode} from '../../engine/engine.ts'
import type {Announcement} from './announcement.ts'

import {deviceKind} from '../lane/lane.ts'

const BY_PREFERENCE = ['npu', 'gpu', 'cpu'] as const

/** @param waiting operations that a caller waits for */
export function poolHealth(nodes: readonly Announcement[], waiting: number): Health {
  const ready = nodes.filter(({state}) => state === 'ready')
  const devices = ready.flatMap((node) => node.devices)
  const kinds = new Set(devices.map(({name}) => deviceKind(name)))
  const mode: PerformanceMode = BY_PREFERENCE.find((kind) => kinds.has(kind)) ?? 'legacy'
  return {
    status: ready.length === 0 ? 'failed' : ready.length < nodes.length ? 'degraded' : 'ok',
    engine: engineOf(nodes),
    performanceMode: mode,
    devices: [...new Map(devices.map((device) => [device.name, device])).values()].map(({fullName, name}) => ({
      name,
      fullName,
      state: 'available',
    })),
    queueDepth: waiting,
    running: ready.reduce((sum, {running}) => sum + running, 0),
    models: [...new Set(ready.flatMap(({models}) => models))].toSorted((a, b) => a.localeCompare(b, 'en')),
    fallback: null,
    runtime: null,
  }
}

/** What runs operations on the nodes; the best that any of them has. */
export function engineOf(nodes: readonly Announcement[]): Health['engine'] {
  const engines = new Set(nodes.map(({engine}) => engine))
  return (['native', 'openvino-node', 'legacy'] as const).find((kind) => engines.has(kind)) ?? 'native'
}

const GAUGES = [
  ['running', 'Operations that run on a node.', ({running}: Announcement) => running],
  ['capacity', 'Operations that a node takes at once from a lane.', ({capacity}: Announcement) => capacity],
  ['ready', '1 for a node that takes operations.', ({state}: Announcement) => (state === 'ready' ? 1 : 0)],
  ['load1', 'Load average of the host of a node.', ({load1}: Announcement) => load1],
  [
    'clock_skew_seconds',
    'How far the clock of a node is from that of Redis.',
    ({clockSkewMs}: Announcement) => clockSkewMs / 1000,
  ],
] as const
const COUNTERS = [
  ['done_total', 'Operations that a node has answered with a result.', ({done}: Announcement) => done],
  ['failed_total', 'Operations that a node has answered with an error.', ({failed}: Announcement) => failed],
  ['recovered_total', 'Jobs that a node has taken over from others.', ({recovered}: Announcement) => recovered],
] as const

/** In the exposition format of Prometheus. Names of nodes have no character that would have to be escaped. */
export function nodeMetricsText(nodes: readonly Announcement[]): string {
  const families = [
    ...GAUGES.map((each) => ['gauge', ...each] as const),
    ...COUNTERS.map((each) => ['counter', ...each] as const),
  ]
  const lines = families.flatMap(([type, name, help, value]) => [
    `# HELP npubridge_node_${name} ${help}`,
    `# TYPE npubridge_node_${name} ${type}`,
    ...nodes.map((node) => `npubridge_node_${name}{node="${node.name}"} ${value(node)}`),
  ])
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}
