/** A server elsewhere in place of an engine here: operations go over one WebSocket, tensors as bytes. */
import {type Buffer} from 'node:buffer'
import {WebSocket} from 'ws'
import {z} from 'zod'

import type {Engine, Operation, OperationResult, SubmitOptions} from '../../engine/engine.ts'

import {exactText} from '../../engine/native/exact-json.ts'
import {NpuBridgeError} from '../../errors.ts'
import {parseJsonExactly} from '../../run/json.ts'
import {fieldsOf} from '../../run/operation-fields.ts'
import {BinaryFrame, encodeFrame} from '../websocket/binary-frame.ts'
import {describeOperation} from '../websocket/describe-operation.ts'
import {errorFields, resultFields, resultOf} from './answer.ts'

const CONNECT_MS = 10_000
const MOST_ELEMENTS = 2 ** 31 - 1

const answerSchema = z.discriminatedUnion('ok', [
  z.looseObject({id: z.int(), ok: z.literal(true), ...resultFields}),
  z.looseObject({id: z.int(), ok: z.literal(false), error: errorFields}),
])

interface Waiter {
  readonly operation: Operation
  readonly resolve: (result: OperationResult) => void
  readonly reject: (error: NpuBridgeError) => void
}

/**
 * Connects to the server at `url`: `http://HOST:PORT`, `https://…`, or `http+unix://` with the path of a socket.
 *
 * @param url of the server
 * @param options what the server asks clients for
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is no such URL, PROTOCOL_ERROR where nobody answers or refuses
 */
export async function connectTo(url: string, options: ConnectOptions = {}): Promise<ServerConnection> {
  return new ServerConnection(url, await openSocket(url, options))
}

export interface ConnectOptions {
  readonly token?: string | undefined
}

/** The WebSocket of a server, opened; as {@link connectTo}. */
export async function openSocket(url: string, {token}: ConnectOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(socketUrl(url), {
    handshakeTimeout: CONNECT_MS,
    maxPayload: 0,
    perMessageDeflate: false,
    ...(token && {headers: {authorization: `Bearer ${token}`}}),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (cause) => {
      reject(connectError(url, cause.message || (cause as NodeJS.ErrnoException).code || 'nobody listens there', cause))
    })
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        reject(connectError(url, refusalIn(text) ?? `it answered ${response.statusCode}`))
      })
    })
  })
  return socket
}

function socketUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') {
    return `${parsed.protocol.replace('http', 'ws')}//${parsed.host}/ws`
  }

  if (parsed?.protocol === 'http+unix:') {
    return `ws+unix://${decodeURIComponent(parsed.host === '' ? parsed.pathname : parsed.host)}:/ws`
  }

  throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(url)} is not the URL of a server`, {
    suggestions: ['http://127.0.0.1:8000', 'npubridge serve status    shows those that run here'],
  })
}

function refusalIn(text: string): string | undefined {
  try {
    const {error} = JSON.parse(text) as {error?: unknown}
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

function connectError(url: string, why: string, cause?: Error): NpuBridgeError {
  return new NpuBridgeError('PROTOCOL_ERROR', `the server at ${url} cannot be used: ${why}`, {
    cause,
    suggestions: ['npubridge serve status    shows the servers that run here', 'a token is taken from NPUBRIDGE_TOKEN'],
  })
}

export class ServerConnection implements AsyncDisposable, Pick<Engine, 'submit'> {
  readonly #url: string
  readonly #socket: WebSocket
  readonly #waiters = new Map<number, Waiter>()
  #submitted = 0

  constructor(url: string, socket: WebSocket) {
    this.#url = url
    this.#socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#onMessage(data, isBinary)
    })
    socket.on('error', () => {
      // The close that follows says it to everybody who waits.
    })
    socket.on('close', () => {
      for (const {reject} of this.#waiters.values()) reject(this.#lost())
      this.#waiters.clear()
    })
  }

  /** As an engine here does; a signal ends the waiting, and closing the connection what the server is at. */
  async submit(operation: Operation, options: SubmitOptions = {}): Promise<OperationResult> {
    const {signal} = options
    if (signal?.aborted) throw new NpuBridgeError('CANCELLED', 'the operation was cancelled before it was submitted')
    if (this.#socket.readyState !== WebSocket.OPEN) throw this.#lost()
    const id = ++this.#submitted
    const answered = new Promise<OperationResult>((resolve, reject) => {
      this.#waiters.set(id, {operation, reject, resolve})
    })
    const cancel = () => {
      this.#waiters.get(id)?.reject(new NpuBridgeError('CANCELLED', 'the operation was cancelled'))
      this.#waiters.delete(id)
    }

    signal?.addEventListener('abort', cancel, {once: true})
    try {
      this.#socket.send(messageOf(id, operation, options))
      return await answered
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => {
        resolve()
      })
      this.#socket.close()
    })
  }

  #lost(): NpuBridgeError {
    return new NpuBridgeError('PROTOCOL_ERROR', `the server at ${this.#url} hung up`)
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    try {
      const frame = isBinary ? new BinaryFrame(data, MOST_ELEMENTS) : undefined
      const text = (frame?.json ?? data).toString('utf8')
      const answer = answerSchema.parse(parseJsonExactly(text))
      const waiter = this.#waiters.get(answer.id)
      this.#waiters.delete(answer.id)
      if (!waiter) return
      if (answer.ok) waiter.resolve(resultOf(waiter.operation, answer, frame))
      else {
        const {code, message, suggestions} = answer.error
        waiter.reject(new NpuBridgeError(code, message, {suggestions}))
      }
    } catch {
      // Who answers like that is no server of ours.
      this.#socket.terminate()
    }
  }
}

/** Operations without tensors go as text, as they would stand in a line. */
function messageOf(id: number, operation: Operation, {priority, timeoutMs}: SubmitOptions): Buffer | string {
  const common = {
    id,
    type: operation.type,
    ...(priority !== undefined && {priority}),
    ...(timeoutMs !== undefined && {timeout_ms: timeoutMs}),
  }
  const described = describeOperation(operation)
  if (described === null) return exactText({...common, ...fieldsOf(operation)})
  return encodeFrame({...common, ...described.fields}, described.bytes)
}
