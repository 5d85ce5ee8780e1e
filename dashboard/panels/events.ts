/** Errors, fallbacks and recommendations: texts from anywhere, shown as texts. */
import type {LiveAdvice, LiveError, LiveFallback} from '../../src/core/dashboard/live.ts'
import type {View} from '../../src/core/dashboard/view.ts'

import {formatAge, formatCount} from '../../src/ui/units.ts'
import {byId, el, keyed, setAttribute, setText} from '../dom.ts'

const MOST_ERRORS = 50
const LONG = 240

/** Something that was told when it was so many milliseconds old. */
type Told<T> = T & {readonly toldAt: number}

export class EventsPanel {
  readonly #errors = new Map<number, Told<LiveError>>()
  #fallbacks: Array<Told<LiveFallback>> = []
  #advice: readonly LiveAdvice[] | null = null

  clear(): void {
    this.#errors.clear()
    this.#fallbacks = []
    this.#advice = null
  }

  add(errors: readonly LiveError[] = [], fallbacks?: readonly LiveFallback[], advice?: readonly LiveAdvice[]): void {
    const toldAt = performance.now()
    for (const error of errors) {
      // The newest stand at the end.
      this.#errors.delete(error.number)
      this.#errors.set(error.number, {...error, toldAt})
    }

    for (const number of [...this.#errors.keys()].slice(0, -MOST_ERRORS)) this.#errors.delete(number)
    if (fallbacks) this.#fallbacks = fallbacks.map((each) => ({...each, toldAt}))
    if (advice) this.#advice = advice
  }

  show({failuresByCode}: View, isTold: boolean): void {
    const codes = failuresByCode.map(([code, count]) => `${code} ${formatCount(count)}`).join(' · ')
    setText(byId('codes'), codes && `Operations that failed since start: ${codes}`)
    showItems('errors', [...this.#errors.values()].toReversed(), {
      none: isTold ? 'None since the server started.' : 'This server does not tell its errors.',
      key: ({number}) => String(number),
      title: ({code}) => code,
      when: ({ageMs, count, toldAt}) => `${times(count)}${ago(ageMs, toldAt)}`,
      where: ({where}) => where,
      text: ({message}) => message,
    })
    showItems(
      'fallbacks',
      this.#fallbacks.toSorted((a, b) => b.count - a.count),
      {
        none: isTold ? 'Everything ran where it was meant to.' : 'This server does not tell its fallbacks.',
        key: ({from, reason, to}) => `${from} ${to} ${reason}`,
        title: ({from, to}) => `${from} → ${to}`,
        when: ({ageMs, count, toldAt}) => `${times(count)}${ago(ageMs, toldAt)}`,
        where: () => '',
        text: ({reason}) => reason,
      },
    )
    showItems('advice', this.#advice ?? [], {
      none: this.#advice === null ? 'Not known yet.' : 'Nothing to improve, by what was seen since the server started.',
      key: ({advice, id}) => `${id} ${advice}`,
      title: ({setting}) => setting ?? 'general',
      when: () => '',
      where: () => '',
      text: ({advice, because}) => `${advice}\n${because}`,
    })
  }
}

function times(count: number): string {
  return count > 1 ? `${formatCount(count)} × · ` : ''
}

function ago(ageMs: number, toldAt: number): string {
  const age = formatAge(ageMs + performance.now() - toldAt)
  return age === 'now' ? age : `${age} ago`
}

interface ItemTexts<T> {
  readonly none: string
  readonly key: (item: T) => string
  readonly title: (item: T) => string
  readonly when: (item: T) => string
  readonly where: (item: T) => string
  readonly text: (item: T) => string
}

function showItems<T>(id: string, items: readonly T[], texts: ItemTexts<T>): void {
  const parent = byId(id)
  if (items.length === 0) {
    keyed(parent, [texts.none], {
      key: () => 'none',
      make: () => el('p', {class: 'soft item'}),
      update: setText,
    })
    return
  }

  keyed(parent, items, {
    key: texts.key,
    make: makeItem,
    update(element, item) {
      setText(element.querySelector('code')!, texts.title(item))
      setText(element.querySelector('.when')!, texts.when(item))
      setText(element.querySelector('.where')!, texts.where(item))
      const text = texts.text(item)
      setText(element.querySelector('p')!, text)
      const more = element.querySelector('button')!
      more.hidden = text.length <= LONG
      element.classList.toggle('long', text.length > LONG)
    },
  })
}

function makeItem(): HTMLElement {
  const more = el('button', {type: 'button', 'aria-expanded': 'false', hidden: ''}, 'Show all')
  const head = el(
    'div',
    {class: 'head'},
    el('span', {}, el('code'), ' ', el('span', {class: 'soft where'})),
    el('span', {class: 'soft when'}),
  )
  const element = el('div', {class: 'item'}, head, el('p'), more)
  more.addEventListener('click', () => {
    const isOpen = element.classList.toggle('is-open')
    setAttribute(more, 'aria-expanded', String(isOpen))
    setText(more, isOpen ? 'Show less' : 'Show all')
  })
  return element
}
