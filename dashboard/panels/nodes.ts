/** The nodes of the pool that the server is in front of. */
import type {LiveNode, LiveNodeDevice} from '../../src/core/dashboard/nodes.ts'

import {formatCount, formatLatency} from '../../src/ui/units.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'
import {byNumber, type Column, SortedHead} from '../sorted-head.ts'

const ORDER = ['ready', 'draining', 'drained']
const KINDS: Readonly<Record<string, string>> = {ready: 'good', draining: 'warn'}

const COLUMNS: ReadonlyArray<Column<LiveNode>> = [
  {title: 'node', compare: (a, b) => a.name.localeCompare(b.name, 'en')},
  {title: 'state', compare: (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)},
  {title: 'devices', compare: (a, b) => devicesOf(a).localeCompare(devicesOf(b), 'en')},
  {title: 'temperature', compare: byNumber(hottest)},
  {title: 'load', compare: byNumber(({capacity, running}) => (capacity ? (running ?? 0) / capacity : null))},
  {title: 'models', compare: byNumber(({models}) => models.length)},
  {title: 'done', compare: byNumber(({done}) => done)},
  {title: 'failed', compare: byNumber(({failed}) => failed)},
  {title: 'recovered', compare: byNumber(({recovered}) => recovered)},
  {title: 'p99', compare: byNumber(({p99Us}) => p99Us)},
]

export class NodesPanel {
  #nodes: readonly LiveNode[] = []
  readonly #head = new SortedHead(byId('nodes'), COLUMNS, {
    onSort: () => {
      this.#render()
    },
    sort: 0,
  })

  /** @param nodes null of a server that is in front of no pool */
  show(nodes: null | readonly LiveNode[]): void {
    byId('nodes-card').hidden = nodes === null
    this.#nodes = nodes ?? []
    this.#render()
  }

  #render(): void {
    const ready = this.#nodes.filter(({state}) => state === 'ready').length
    setText(byId('nodes-count'), `${ready} ready of ${this.#nodes.length}`)
    const none = byId('nodes-none')
    none.hidden = this.#nodes.length > 0
    setText(none, 'No worker is there: what is submitted waits for one.')
    byId('nodes-region').hidden = this.#nodes.length === 0
    keyed(byId('nodes').querySelector('tbody')!, this.#head.sorted(this.#nodes), {
      key: ({name}) => name,
      make: makeRow,
      update: updateRow,
    })
  }
}

function makeRow({name}: LiveNode): HTMLTableRowElement {
  return el(
    'tr',
    {'data-node': name},
    el('th', {scope: 'row'}, name),
    el('td', {}, el('span', {class: 'pill'})),
    ...Array.from({length: COLUMNS.length - 2}, () => el('td')),
  )
}

function updateRow(row: HTMLTableRowElement, node: LiveNode): void {
  const {agents, capacity, done, engine, failed, host, models, p99Us, recovered, running, state, version} = node
  const pill = row.querySelector('.pill')!
  setText(pill, state)
  setAttribute(pill, 'data-kind', KINDS[state] ?? 'wait')
  const more = agents.length > 0 ? ` · agents ${agents.join(', ')}` : ''
  setAttribute(row.cells[0]!, 'title', `on ${host} · version ${version} · ${engine} engine${more}`)
  const texts = [
    devicesOf(node) || '–',
    temperatureOf(node),
    `${formatCount(running)} of ${formatCount(capacity)}`,
    formatCount(models.length),
    formatCount(done),
    formatCount(failed),
    formatCount(recovered),
    p99Us === null ? '–' : formatLatency(p99Us),
  ]
  for (const [index, text] of texts.entries()) setText(row.cells[index + 2]!, text)
  setAttribute(row.cells[5]!, 'title', models.join(', '))
}

function devicesOf({devices}: LiveNode): string {
  return devices.map(({name, thermal}) => (thermal === 'throttled' ? `${name} (throttled)` : name)).join(', ')
}

function hottest({devices}: LiveNode): number | null {
  const known = devices
    .map(({temperatureCelsius}: LiveNodeDevice) => temperatureCelsius)
    .filter((each) => each !== null)
  return known.length === 0 ? null : Math.max(...known)
}

/** Only NPUs tell it. */
function temperatureOf(node: LiveNode): string {
  const degrees = hottest(node)
  return degrees === null ? 'unknown' : `${degrees} °C`
}
