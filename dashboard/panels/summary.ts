/** The figures that come first. */
import type {View} from '../../src/core/dashboard/view.ts'

import {formatBytes, formatCount, formatLatency, UNKNOWN} from '../../src/ui/units.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'

interface Tile {
  readonly id: string
  readonly label: string
  readonly value: number | null
  readonly text: string
  readonly unit?: string
  readonly note: string
  readonly kind?: 'bad' | 'warn' | undefined
}

export function showSummary(view: View): void {
  keyed(byId('summary'), tilesOf(view), {
    key: ({id}) => id,
    make({id, label}) {
      const dd = el('dd', {}, el('data', {id: `figure-${id}`}), el('span', {class: 'unit'}), el('div', {class: 'note'}))
      return el('dl', {class: 'tile'}, el('dt', {}, label), dd)
    },
    update(element, {kind, note, text, unit = '', value}) {
      const data = element.querySelector('data')!
      setText(data, text)
      setAttribute(data, 'value', value === null ? UNKNOWN : String(value))
      setAttribute(data, 'class', value === null ? 'is-unknown' : '')
      setText(element.querySelector('.unit')!, value === null ? '' : unit)
      setText(element.querySelector('.note')!, note)
      setAttribute(element, 'data-kind', kind ?? '')
    },
  })
}

function tilesOf(view: View): Tile[] {
  const {latency, totals} = view
  const scope = latency?.scope ?? 'no operation was answered yet'
  const quantile = (id: 'p50' | 'p95' | 'p99'): Tile => {
    const value = latency?.[id] ?? null
    return {id, label: `Latency ${id}`, value, text: formatLatency(value), note: scope}
  }

  const rate = (id: string, label: string, value: number | null, total: number | null, kind: 'bad' | 'warn'): Tile => ({
    id,
    label,
    value,
    text: formatCount(value),
    unit: '/s',
    note: `${formatCount(total)} since start`,
    kind: (value ?? 0) > 0 ? kind : undefined,
  })
  const limit = view.memoryLimitBytes
  return [
    {
      id: 'throughput',
      label: 'Throughput',
      value: view.throughput,
      text: formatCount(view.throughput),
      unit: 'ops/s',
      note: `${formatCount(totals.completed)} answered since start`,
    },
    quantile('p50'),
    quantile('p95'),
    quantile('p99'),
    {
      id: 'queue',
      label: 'Waiting',
      value: view.queueDepth,
      text: formatCount(view.queueDepth),
      note: `${formatCount(view.running)} running`,
    },
    rate('failures', 'Failures', view.failuresPerSecond, totals.failed, 'bad'),
    rate('fallbacks', 'Fallbacks', view.fallbacksPerSecond, totals.fallbacks, 'warn'),
    {
      id: 'memory',
      label: 'Memory',
      value: view.processBytes,
      text: view.processBytes === null ? UNKNOWN : formatBytes(view.processBytes),
      note: `models ${view.modelBytes === null ? UNKNOWN : formatBytes(view.modelBytes)}${limit === null ? '' : ` of ${formatBytes(limit)}`}`,
    },
  ]
}
