/** What happened to the connection, said above the figures until it is over or taken away. */
import {byId, el, setText} from './dom.ts'

export type NoticeId = 'lost' | 'restarted' | 'version'

export function notice(id: NoticeId, text: string, {isBad = false, action}: NoticeOptions = {}): void {
  const found = find(id)
  if (found) {
    setText(found.querySelector('p')!, text)
    return
  }

  const close = el('button', {type: 'button'}, action?.label ?? 'Dismiss')
  close.addEventListener('click', () => {
    dismiss(id)
    action?.run()
  })
  const attributes = {class: 'notice', 'data-notice': id, 'data-kind': isBad ? 'bad' : 'warn'}
  byId('notices').append(el('div', attributes, el('p', {}, text), close))
}

export interface NoticeOptions {
  readonly isBad?: boolean
  readonly action?: {readonly label: string; readonly run: () => void}
}

export function dismiss(id: NoticeId): void {
  find(id)?.remove()
}

function find(id: NoticeId): Element | null {
  return byId('notices').querySelector(`[data-notice="${CSS.escape(id)}"]`)
}
