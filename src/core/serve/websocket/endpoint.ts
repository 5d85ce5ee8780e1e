/** `/ws`: who may open a WebSocket, and whether those that are open still have somebody at the other end. */
import type {IncomingMessage} from 'node:http'
import type {Duplex} from 'node:stream'

import {type WebSocket, WebSocketServer} from 'ws'

import {type HttpServer} from '../http/app.ts'
import {type HttpContext} from '../http/context.ts'
import {headOf} from '../http/entry.ts'
import {SOCKET_PROTOCOL} from '../security/socket-token.ts'
import {CLOSING, Refusal, toldError, wireStatus} from '../service/refusal.ts'
import {WebSocketSession} from './session.ts'

const PATH = '/ws'
const PING_MS = 30_000
/** Going away, as RFC 6455 names it. */
const GOING_AWAY = 1001

export interface WebSocketEndpoint {
  /** Takes no further sockets, lets operations end for up to `drainMs`, and closes those that are open. */
  close(drainMs: number): Promise<void>
}

interface Open {
  readonly session: WebSocketSession
  /** Whether something came since the last ping. */
  isAlive: boolean
}

export function addWebSocket(server: HttpServer, context: HttpContext, pingMs = PING_MS): WebSocketEndpoint {
  const sockets = new WebSocketServer({
    allowSynchronousEvents: true,
    // Never the one that carries a token.
    handleProtocols: (offered) => (offered.has(SOCKET_PROTOCOL) ? SOCKET_PROTOCOL : false),
    maxPayload: context.limits.bodyBytes,
    noServer: true,
    // Compression would let a few bytes become many, and tensors hardly get smaller.
    perMessageDeflate: false,
  })
  const open = new Map<WebSocket, Open>()
  let opened = 0
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      checkUpgrade(request, context)
    } catch (error) {
      refuse(socket, error, context)
      return
    }

    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const client = request.socket.remoteAddress ?? 'local'
      const session = new WebSocketSession(webSocket, context, {client, name: `ws${++opened}`})
      follow(webSocket, session, open, context)
    })
  })
  const timer = setInterval(() => {
    for (const [webSocket, entry] of open) check(webSocket, entry, context.limits.idleMs)
  }, pingMs)
  timer.unref()
  return {
    async close(drainMs) {
      clearInterval(timer)
      await closeAll(open, drainMs)
    },
  }
}

/** @throws {Refusal} for a request that gets no WebSocket. */
function checkUpgrade(request: IncomingMessage, {access, service}: HttpContext): void {
  if (new URL(request.url ?? '/', 'http://localhost').pathname !== PATH) {
    throw new Refusal({http: 404, grpc: 12}, 'INVALID_ARGUMENT', `WebSockets are at ${PATH}`)
  }

  if (service.isDraining) throw new Refusal(CLOSING, 'CANCELLED', 'the server is shutting down')
  access.check(headOf(request))
}

/** Keeps a WebSocket among those that are open, until it closes. */
function follow(
  webSocket: WebSocket,
  session: WebSocketSession,
  open: Map<WebSocket, Open>,
  {log, metrics}: HttpContext,
): void {
  const entry: Open = {isAlive: true, session}
  open.set(webSocket, entry)
  metrics.sockets++
  const isHere = () => {
    entry.isAlive = true
  }

  webSocket.on('pong', isHere).on('message', isHere)
  webSocket.on('error', (error) => {
    log.debug('a WebSocket failed', {cause: error.message})
  })
  webSocket.on('close', () => {
    open.delete(webSocket)
    metrics.sockets--
  })
}

/** Lets operations end for up to `drainMs`, then says goodbye, then hangs up on those that do not agree. */
async function closeAll(open: ReadonlyMap<WebSocket, Open>, drainMs: number): Promise<void> {
  await Promise.race([Promise.all([...open.values()].map(async ({session}) => session.idle())), after(drainMs)])
  for (const webSocket of open.keys()) webSocket.close(GOING_AWAY, 'the server is shutting down')
  await Promise.race([Promise.all([...open.keys()].map(closed)), after(CLOSE_MS)])
  for (const webSocket of open.keys()) webSocket.terminate()
}

/** How long a client may take to agree that the connection is over. */
const CLOSE_MS = 500

async function after(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

async function closed(webSocket: WebSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    webSocket.once('close', () => {
      resolve()
    })
  })
}

function check(webSocket: WebSocket, entry: Open, idleMs: number): void {
  const pausedMs = entry.session.pausedMs(performance.now())
  // A client that is not read from cannot be heard: it gets the time that any other gets for nothing.
  if (pausedMs > idleMs || (pausedMs === 0 && !entry.isAlive)) {
    webSocket.terminate()
    return
  }

  entry.isAlive = pausedMs > 0
  webSocket.ping()
}

function refuse(socket: Duplex, thrown: unknown, {activity, log, metrics}: HttpContext): void {
  const error = toldError(thrown)
  activity.told(error, 'WebSocket')
  const {http} = wireStatus(error)
  metrics.answered('http', http)
  log.debug('refused a WebSocket', {code: error.code, status: http})
  const {code, message, suggestions} = error
  const body = JSON.stringify({error: message, code, suggestions})
  socket.on('error', () => {
    // It is hung up on in any case.
  })
  socket.end(
    `HTTP/1.1 ${http} ${STATUS_TEXT[http] ?? 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}
