/** The table of models: filtered, sorted, loaded and unloaded. */
import type {ModelView} from '../../src/core/dashboard/view.ts'

import {formatCount, formatLatency} from '../../src/ui/units.ts'
import {refusalOf} from '../connection.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'
import {byNumber, type Column, SortedHead} from '../sorted-head.ts'
import {authorization} from '../token.ts'

const COLUMNS: ReadonlyArray<Column<ModelView>> = [
  {title: 'model', compare: (a, b) => a.name.localeCompare(b.name, 'en')},
  {title: 'state', compare: (a, b) => rank(a.state) - rank(b.state)},
  {title: 'device', compare: (a, b) => a.devices.join(', ').localeCompare(b.devices.join(', '), 'en')},
  {title: 'ops/s', compare: byNumber(({perSecond}) => perSecond)},
  {title: 'operations', compare: byNumber(({count}) => count)},
  {title: 'p50', compare: byNumber(({p50}) => p50)},
  {title: 'p99', compare: byNumber(({p99}) => p99)},
]
const ORDER = ['LOADING', 'UNLOADING', 'READY', 'USED', 'UNAVAILABLE']
const KINDS: Readonly<Record<string, string>> = {READY: 'good', USED: 'good', LOADING: 'warn', UNLOADING: 'warn'}
/** Further rows are shown when they are asked for. */
const FIRST = 20

function rank(state: string): number {
  const index = ORDER.indexOf(state)
  return index === -1 ? ORDER.length : index
}

export class ModelsPanel {
  #models: readonly ModelView[] = []
  #mayControl: boolean | null = null
  #showsAll = false
  readonly #head = new SortedHead(byId('models'), COLUMNS, {
    onSort: () => {
      this.#render()
    },
    sort: 1,
  })

  readonly #busy = new Set<string>()

  constructor() {
    this.#head.row.append(el('th', {scope: 'col'}, el('span', {class: 'visually-hidden'}, 'action')))
    byId('filter').addEventListener('input', () => {
      this.#render()
    })
    byId('models-more').addEventListener('click', () => {
      this.#showsAll = !this.#showsAll
      this.#render()
    })
  }

  show(models: readonly ModelView[], mayControl: boolean | null): void {
    this.#models = models
    this.#mayControl = mayControl
    this.#render()
  }

  #render(): void {
    const wanted = byId<HTMLInputElement>('filter').value.trim().toLowerCase()
    const found = this.#models.filter(({name}) => name.toLowerCase().includes(wanted))
    const sorted = this.#head.sorted(found)
    const shown = this.#showsAll ? sorted : sorted.slice(0, FIRST)
    const loaded = this.#models.filter(({state}) => state === 'READY').length
    setText(byId('models-count'), `${loaded} loaded of ${this.#models.length}`)
    const more = byId('models-more')
    more.hidden = sorted.length <= FIRST
    setText(more, this.#showsAll ? `Show the first ${FIRST}` : `Show all ${sorted.length}`)
    keyed(byId('models').querySelector('tbody')!, shown, {
      key: ({name}) => name,
      make: (model) => this.#makeRow(model),
      update: (row, model) => {
        this.#updateRow(row, model)
      },
    })
  }

  #makeRow({name}: ModelView): HTMLTableRowElement {
    const button = el('button', {type: 'button'})
    button.addEventListener('click', () => {
      this.#act(name, button.dataset.action!).catch(console.error)
    })
    return el(
      'tr',
      {'data-model': name},
      el('th', {scope: 'row', title: name}, name),
      el('td', {}, el('span', {class: 'pill'})),
      ...Array.from({length: COLUMNS.length - 2}, () => el('td')),
      el('td', {}, button),
    )
  }

  #updateRow(row: HTMLTableRowElement, model: ModelView): void {
    const {count, devices, name, p50, p99, perSecond, reason, state} = model
    const pill = row.querySelector('.pill')!
    setText(pill, state.toLowerCase())
    setAttribute(pill, 'data-kind', KINDS[state] ?? 'wait')
    setAttribute(pill, 'title', reason ?? '')
    const texts = [
      devices.join(', ') || '–',
      perSecond === null || count === 0 ? '–' : formatCount(perSecond),
      formatCount(count),
      count === 0 ? '–' : formatLatency(p50),
      count === 0 ? '–' : formatLatency(p99),
    ]
    for (const [index, text] of texts.entries()) setText(row.children[index + 2]!, text)
    const button = row.querySelector('button')!
    const isReady = state === 'READY'
    button.hidden = this.#mayControl !== true || state === 'USED'
    button.disabled = this.#busy.has(name) || state === 'LOADING' || state === 'UNLOADING'
    setText(button, isReady ? 'Unload' : 'Load')
    setAttribute(button, 'data-action', isReady ? 'unload' : 'load')
    setAttribute(button, 'aria-label', `${isReady ? 'Unload' : 'Load'} ${name}`)
  }

  async #act(name: string, action: string): Promise<void> {
    const said = byId('models-said')
    this.#busy.add(name)
    setText(said, `${action === 'load' ? 'Loading' : 'Unloading'} ${name} …`)
    this.#render()
    try {
      const url = `v2/repository/models/${encodeURIComponent(name)}/${action}`
      const response = await fetch(url, {method: 'POST', headers: authorization()})
      if (!response.ok) throw new Error(await refusalOf(response))
      setText(said, `${name} was ${action}ed.`)
    } catch (error) {
      setText(said, `${name} could not be ${action}ed: ${(error as Error).message}`)
    } finally {
      this.#busy.delete(name)
      this.#render()
    }
  }
}
