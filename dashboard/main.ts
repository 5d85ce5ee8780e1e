/** The dashboard: what the server tells, shown as it comes. */
import type {Figures} from '../src/core/dashboard/figures.ts'
import type {Live, LiveModel} from '../src/core/dashboard/live.ts'
import type {LiveNode} from '../src/core/dashboard/nodes.ts'

import {RecentFigures} from '../src/core/dashboard/recent.ts'
import {viewOf} from '../src/core/dashboard/view.ts'
import {formatAge} from '../src/ui/units.ts'
import {Charts} from './charts.ts'
import {Connection} from './connection.ts'
import {addControls} from './controls.ts'
import {byId, setAttribute, setText} from './dom.ts'
import {HistoryStore} from './history.ts'
import {dismiss, notice} from './notices.ts'
import {showDevices} from './panels/devices.ts'
import {EventsPanel} from './panels/events.ts'
import {showLoad} from './panels/load.ts'
import {ModelsPanel} from './panels/models.ts'
import {NodesPanel} from './panels/nodes.ts'
import {showSummary} from './panels/summary.ts'
import {WorkflowPanel} from './panels/workflow.ts'
import {keepToken, keptToken} from './token.ts'

const DRAW_MS = 1000

class Dashboard {
  readonly #recent = new RecentFigures()
  readonly #history = new HistoryStore()
  readonly #charts = new Charts()
  readonly #models = new ModelsPanel()
  readonly #nodes = new NodesPanel()
  readonly #events = new EventsPanel()
  readonly #workflow = new WorkflowPanel()
  readonly #connection = new Connection(this.#handlers())
  #live: Live | null = null
  #known: readonly LiveModel[] = []
  /** Null of a server that has no pool. */
  #pool: null | readonly LiveNode[] = null
  #instance: string | null = null
  #version: string | null = null
  #isPaused = false
  #range = 0
  #drawnAt = -Infinity

  start(): void {
    this.#charts.create()
    addControls({
      onColours: () => {
        this.#charts.create()
        this.#draw()
      },
      onPause: (isPaused) => {
        this.#isPaused = isPaused
        this.#render()
      },
      onRange: (range) => {
        this.#range = range
        this.#draw()
      },
    })
    this.#addToken()
    document.addEventListener('visibilitychange', () => {
      this.#render()
    })
    this.#connection.retry()
  }

  #handlers() {
    return {
      onFigures: (figures: Figures, live: Live | null) => {
        this.#add(figures, live)
      },
      onLive() {
        status('good', 'live')
        document.body.classList.remove('is-stale')
        dismiss('lost')
        byId('token-form').hidden = true
        byId('main').hidden = false
        byId('forget').hidden = keptToken() === null
      },
      onLost: (why: string, retryMs: number) => {
        status('bad', 'not connected')
        document.body.classList.add('is-stale')
        const again = retryMs < 1000 ? 'now' : `in ${Math.round(retryMs / 1000)} s`
        notice(
          'lost',
          `The server cannot be reached: ${why}. It is tried again ${again}; figures are old until then.`,
          {
            isBad: true,
            action: {
              label: 'Try now',
              run: () => {
                this.#connection.retry()
              },
            },
          },
        )
      },
      onToken(why: string) {
        status('warn', 'needs a token')
        dismiss('lost')
        byId('main').hidden = true
        byId('token-form').hidden = false
        setText(byId('token-why'), why)
        byId('token').focus()
      },
    }
  }

  #addToken(): void {
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault()
      const input = byId<HTMLInputElement>('token')
      keepToken(input.value.trim() || null)
      input.value = ''
      this.#connection.retry()
    })
    byId('forget').addEventListener('click', () => {
      keepToken(null)
      byId('forget').hidden = true
      this.#connection.retry()
    })
  }

  #add(figures: Figures, live: Live | null): void {
    this.#noticeRestart(live, this.#recent.add(figures).isRestarted)
    this.#live = live
    if (live?.history) this.#history.add(live.history, performance.now())
    if (live?.models) this.#known = live.models
    if (live?.nodes) this.#pool = live.nodes
    this.#events.add(live?.errors, live?.fallbacks, live?.advice)
    this.#workflow.add(live?.workflows)
    this.#render()
  }

  /** Another instance is another server, even where nobody saw the one before go. */
  #noticeRestart(live: Live | null, hasCountsAnew: boolean): void {
    const instance = live?.instance ?? null
    const isAnother = this.#instance !== null && instance !== null && instance !== this.#instance
    if (isAnother || (hasCountsAnew && instance === null)) {
      const at = new Date().toLocaleTimeString()
      notice('restarted', `The server was restarted (noticed at ${at}). Its counts and its history begin anew.`)
      this.#recent.clear()
      if (!live?.history) this.#history.clear()
      this.#events.clear()
      this.#workflow.clear()
      this.#known = []
      this.#pool = live?.nodes ?? null
    }

    if (isAnother && this.#version !== null && live?.version !== this.#version) {
      const text = `The server is now version ${live?.version ?? 'unknown'}; this page is of ${this.#version}.`
      const run = () => {
        location.reload()
      }

      notice('version', text, {action: {label: 'Reload', run}})
    } else this.#version ??= live?.version ?? null
    this.#instance = instance ?? this.#instance
  }

  #render(): void {
    const {current, earlier} = this.#recent
    if (this.#isPaused || document.hidden || current === null) return
    const live = this.#live
    const view = viewOf({current, earlier, live, models: this.#known})
    const parts = [
      live?.version ? `version ${live.version}` : 'version unknown',
      `${view.engine ?? 'unknown'} engine`,
      `up ${view.uptimeMs === null ? 'unknown' : formatAge(view.uptimeMs)}`,
      ...(live?.state && live.state !== 'ok' ? [live.state] : []),
      ...(live?.control === false ? ['read-only'] : []),
    ]
    setText(byId('about'), parts.join(' · '))
    showSummary(view)
    showDevices(view.devices)
    showLoad(view)
    this.#models.show(view.models, live?.control ?? null)
    this.#nodes.show(this.#pool)
    this.#events.show(view, live !== null)
    this.#workflow.show(live !== null)
    if (performance.now() - this.#drawnAt >= DRAW_MS - 100) this.#draw()
  }

  #draw(): void {
    this.#drawnAt = performance.now()
    this.#charts.draw(this.#history, this.#range)
  }
}

function status(kind: 'bad' | 'good' | 'warn', text: string): void {
  const pill = byId('link')
  setText(pill, text)
  setAttribute(pill, 'data-kind', kind)
}

new Dashboard().start()
