/** Buttons and keys. */
import {byId, setAttribute, setText} from './dom.ts'

export interface ControlHandlers {
  onPause(isPaused: boolean): void
  onRange(range: number): void
  /** Light and dark have changed places. */
  onColours(): void
}

const THEMES = ['system', 'light', 'dark'] as const
const THEME_KEY = 'npubridge.theme'

export function addControls(handlers: ControlHandlers): void {
  const pause = byId('pause')
  pause.addEventListener('click', () => {
    const isPaused = pause.getAttribute('aria-pressed') !== 'true'
    setAttribute(pause, 'aria-pressed', String(isPaused))
    setText(pause, isPaused ? 'Go on' : 'Pause')
    handlers.onPause(isPaused)
  })
  const ranges = [...document.querySelectorAll<HTMLButtonElement>('[data-range]')]
  for (const [index, button] of ranges.entries()) {
    button.addEventListener('click', () => {
      for (const other of ranges) setAttribute(other, 'aria-pressed', String(other === button))
      handlers.onRange(index)
    })
  }

  const keys = byId<HTMLDialogElement>('keys')
  byId('help').addEventListener('click', () => {
    keys.showModal()
  })
  addTheme(handlers)
  addKeys(ranges, keys)
}

function addTheme({onColours}: ControlHandlers): void {
  const button = byId('theme')
  const set = (theme: string) => {
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    setText(button, `Theme: ${theme}`)
    onColours()
  }

  let current = Math.max(0, THEMES.indexOf(keptTheme() as (typeof THEMES)[number]))
  if (current > 0) set(THEMES[current]!)
  button.addEventListener('click', () => {
    current = (current + 1) % THEMES.length
    set(THEMES[current]!)
    try {
      localStorage.setItem(THEME_KEY, THEMES[current]!)
    } catch {
      // Where nothing may be kept, the choice is this page's.
    }
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onColours)
}

function keptTheme(): string | null {
  try {
    return localStorage.getItem(THEME_KEY)
  } catch {
    return null
  }
}

function addKeys(ranges: readonly HTMLButtonElement[], keys: HTMLDialogElement): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return
    if (event.target instanceof HTMLInputElement) {
      if (event.key === 'Escape') event.target.blur()
      return
    }

    switch (event.key) {
      case '/': {
        event.preventDefault()
        byId('filter').focus()

        break
      }

      case 'n': {
        byId('nodes-region').focus()
        break
      }

      case 'p': {
        byId('pause').click()
        break
      }

      case 't': {
        byId('theme').click()
        break
      }

      case '?': {
        byId('help').click()
        break
      }

      default: {
        ranges[Number(event.key) - 1]?.click()
      }
    }
  })
}
