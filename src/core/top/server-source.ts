/** The figures of a server, which is waited for when it goes. */
import type {Buffer} from 'node:buffer'
import type {WebSocket} from 'ws'

import type {SourceHandlers, TopSource} from './source.ts'

import {readFigures} from '../dashboard/figures.ts'
import {readLive} from '../dashboard/live.ts'
import {record} from '../dashboard/reading.ts'
import {asNpuBridgeError} from '../errors.ts'
import {openSocket} from '../serve/client/connection.ts'

const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 8000
/** A server that says nothing for so many intervals is as good as gone. */
const SILENT_INTERVALS = 10
const LEAST_SILENCE_MS = 5000

/**
 * Connects to a server; it throws as {@link openSocket} does.
 */
export async function connectSource(url: string, token: string | undefined): Promise<TopSource> {
  return new ServerSource(url, token, await openSocket(url, {token}))
}

class ServerSource implements TopSource {
  readonly kind = 'server'
  readonly name: string
  readonly #token: string | undefined
  #socket: WebSocket | undefined
  #handlers: SourceHandlers | undefined
  #intervalMs = 0
  #retryMs = FIRST_RETRY_MS
  #timer: NodeJS.Timeout | undefined
  #silence: NodeJS.Timeout | undefined
  #isOver = false

  constructor(url: string, token: string | undefined, socket: WebSocket) {
    this.name = url
    this.#token = token
    this.#socket = socket
  }

  start(intervalMs: number, handlers: SourceHandlers): void {
    this.#intervalMs = intervalMs
    this.#handlers = handlers
    this.#subscribe(this.#socket!)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    clearTimeout(this.#silence)
    this.#socket?.terminate()
  }

  #subscribe(socket: WebSocket): void {
    const subscribe = {type: 'subscribe_metrics', interval_ms: this.#intervalMs}
    socket.on('message', (data: Buffer) => {
      this.#heard(socket)
      const message = record(parsed(data))
      if (message.type === 'metrics') {
        this.#retryMs = FIRST_RETRY_MS
        this.#handlers!.onReading({figures: readFigures(message.data), live: readLive(message.live)})
      } else if (message.ok === false && message.id === 'live') {
        // A server from before it told more than its engine's metrics.
        socket.send(JSON.stringify({id: 'plain', ...subscribe}))
      }
    })
    socket.on('error', () => {
      // The close that follows says it.
    })
    socket.on('close', (_code, reason) => {
      this.#lost(reason.toString() || 'it hung up')
    })
    socket.send(JSON.stringify({id: 'live', ...subscribe, live: true}))
    this.#heard(socket)
  }

  #heard(socket: WebSocket): void {
    clearTimeout(this.#silence)
    if (this.#isOver) return
    this.#silence = setTimeout(
      () => {
        socket.terminate()
      },
      Math.max(LEAST_SILENCE_MS, SILENT_INTERVALS * this.#intervalMs),
    )
  }

  #lost(why: string): void {
    clearTimeout(this.#silence)
    if (this.#isOver) return
    this.#handlers!.onLost(why)
    this.#timer = setTimeout(() => {
      void this.#reconnect()
    }, this.#retryMs)
    this.#retryMs = Math.min(LONGEST_RETRY_MS, 2 * this.#retryMs)
  }

  async #reconnect(): Promise<void> {
    try {
      const socket = await openSocket(this.name, {token: this.#token})
      this.#socket = socket
      if (this.#isOver) socket.terminate()
      else this.#subscribe(socket)
    } catch (error) {
      this.#lost(asNpuBridgeError(error).message)
    }
  }
}

function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch {
    return null
  }
}
