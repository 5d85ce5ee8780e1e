/** The way to the server: asks for a token where one is needed, notices when the server is gone, and comes back. */
import {type Figures, readFigures} from '../src/core/dashboard/figures.ts'
import {type Live, readLive} from '../src/core/dashboard/live.ts'
import {record, text} from '../src/core/dashboard/reading.ts'
import {authorization, keptToken, socketProtocols} from './token.ts'

export interface Handlers {
  onFigures(figures: Figures, live: Live | null): void
  onLive(): void
  /** The server is not there; it is tried again in so many milliseconds. */
  onLost(why: string, retryMs: number): void
  /** A token is needed, or the one that was given is not the server's. */
  onToken(why: string): void
}

const INTERVAL_MS = 500
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 8000
/** Nothing for so long: the machine slept, or the server hangs. */
const SILENCE_MS = 10_000

export class Connection {
  readonly #handlers: Handlers
  #socket: WebSocket | undefined
  #retryMs = FIRST_RETRY_MS
  #timer: ReturnType<typeof setTimeout> | undefined
  #heardAt = 0
  #attempt = 0

  constructor(handlers: Handlers) {
    this.#handlers = handlers
    setInterval(() => {
      if (this.#socket && performance.now() - this.#heardAt > SILENCE_MS) {
        this.#lost(`nothing was heard for ${SILENCE_MS / 1000} s`)
      }
    }, 1000)
  }

  /** Connects now, whatever was planned; whether that worked is told to the handlers. */
  retry(): void {
    this.#connect().catch(console.error)
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt
    this.#drop()
    try {
      // A WebSocket does not say why it was refused; this request does.
      const response = await fetch('v2', {cache: 'no-store', headers: authorization()})
      if (attempt !== this.#attempt) return
      if (response.status === 401) {
        const isWrong = keptToken() !== null
        this.#handlers.onToken(
          isWrong
            ? 'The token is not the one of this server. It may have been replaced since.'
            : 'It lets nobody see its figures without.',
        )
        return
      }

      if (!response.ok) throw new Error(await refusalOf(response))
      this.#open()
    } catch (error) {
      if (attempt !== this.#attempt) return
      const isNetwork = error instanceof TypeError
      this.#lost(isNetwork ? 'it does not answer' : (error as Error).message)
    }
  }

  #open(): void {
    const url = new URL('ws', document.baseURI)
    url.protocol = url.protocol.replace('http', 'ws')
    const socket = new WebSocket(url, socketProtocols())
    this.#socket = socket
    this.#heardAt = performance.now()
    socket.addEventListener('open', () => {
      socket.send(JSON.stringify({id: 'live', type: 'subscribe_metrics', interval_ms: INTERVAL_MS, live: true}))
    })
    socket.addEventListener('message', ({data}) => {
      if (socket !== this.#socket) return
      this.#heardAt = performance.now()
      this.#onMessage(socket, String(data))
    })
    socket.addEventListener('close', ({reason}) => {
      if (socket === this.#socket) this.#lost(reason || 'the connection ended')
    })
  }

  #onMessage(socket: WebSocket, data: string): void {
    let message
    try {
      message = record(JSON.parse(data))
    } catch {
      return
    }

    if (message.type === 'metrics') {
      this.#handlers.onFigures(readFigures(message.data), readLive(message.live))
    } else if (message.ok === true) {
      this.#retryMs = FIRST_RETRY_MS
      this.#handlers.onLive()
    } else if (message.id === 'live') {
      // A server that is older than this page knows the plain subscription.
      socket.send(JSON.stringify({id: 'plain', type: 'subscribe_metrics', interval_ms: INTERVAL_MS}))
    }
  }

  #lost(why: string): void {
    this.#drop()
    const retryMs = this.#retryMs
    this.#retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2)
    this.#timer = setTimeout(() => {
      this.retry()
    }, retryMs)
    this.#handlers.onLost(why, retryMs)
  }

  #drop(): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }
}

export async function refusalOf(response: Response): Promise<string> {
  const said = (await response.json().catch(() => null)) as unknown
  return text(record(said).error, 500) ?? `it answered ${response.status}`
}
