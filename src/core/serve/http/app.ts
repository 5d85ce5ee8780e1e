/** The HTTP server: what every request goes through, whatever it asks for. */
import type {Socket} from 'node:net'

import {fastify, type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify'
import {Buffer} from 'node:buffer'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {createServer as createTlsServer, type Server as HttpsServer} from 'node:https'

import type {Activity} from '../live/activity.ts'
import type {Monitor} from '../live/monitor.ts'
import type {ServeLimits} from '../options.ts'
import type {Access} from '../security/access.ts'
import type {ServeLog} from '../serve-log.ts'
import type {ServerMetrics} from '../server-metrics.ts'
import type {InferenceService} from '../service/inference-service.ts'

import {NpuBridgeError} from '../../errors.ts'
import {bearerIn} from '../security/socket-token.ts'
import {mayRetry, Refusal, toldError, wireStatus} from '../service/refusal.ts'
import {type ByteBudget, readBody, release} from './body.ts'

export interface HttpContext {
  readonly service: InferenceService
  readonly access: Access
  readonly metrics: ServerMetrics
  readonly limits: ServeLimits
  readonly budget: ByteBudget
  readonly log: ServeLog
  /** What errors clients were told. */
  readonly activity: Activity
  readonly monitor: Monitor
  /** Whether the dashboard is at `/`. */
  readonly offersPage: boolean
}

export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no token. */
    isPublic?: boolean
  }
}

export type HttpServer = HttpsServer | Server

/** How often connections are looked at for having taken too long. */
const CHECK_MS = 1000
const RETRY_AFTER_SECONDS = '1'

/** Anything of a request that may be asked before its body is read. */
export function headOf({headers, socket}: IncomingMessage) {
  return {
    authorization: headers.authorization ?? bearerIn(headers['sec-websocket-protocol']),
    host: headers.host,
    origin: headers.origin,
    site: headers['sec-fetch-site'],
    client: socket.remoteAddress ?? 'local',
  }
}

export function createApp(context: HttpContext, tls: TlsFiles | null): {app: FastifyInstance; server: HttpServer} {
  const {limits} = context
  let server: HttpServer | undefined
  const app = fastify({
    // Everything is logged here, where it is known what matters.
    logger: false,
    exposeHeadRoutes: false,
    genReqId: () => '',
    // Refused with words of our own, in the form of the protocol.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: {ignoreTrailingSlash: true, maxParamLength: 256},
    clientErrorHandler(error, socket) {
      refuseConnection(error, socket)
    },
    serverFactory(handler) {
      const timing = {
        connectionsCheckingInterval: CHECK_MS,
        headersTimeout: limits.headersMs,
        // Node's own five seconds close connections that pools of clients are about to use again.
        keepAliveTimeout: limits.idleMs,
        requestTimeout: limits.requestMs,
      }
      server = tls ? createTlsServer({...timing, ...tls}, handler) : createServer(timing, handler)
      server.maxConnections = limits.connections
      server.setTimeout(limits.idleMs)
      return server
    },
  })
  addRules(app, context)
  return {app, server: server!}
}

function addRules(app: FastifyInstance, context: HttpContext): void {
  const {access, budget, limits, metrics} = context
  app.addHook('onRequest', (request, reply, done) => {
    const {raw} = request
    metrics.inFlight++
    reply.raw.once('close', () => {
      metrics.inFlight--
      metrics.receivedBytes += raw.headers['content-length'] === undefined ? 0 : Number(raw.headers['content-length'])
      release(raw, budget)
    })
    const {origin} = raw.headers
    try {
      if (request.routeOptions.config.isPublic) access.checkPublic(headOf(raw))
      else access.check(headOf(raw), {isPreflight: request.method === 'OPTIONS'})
    } catch (error) {
      done(error as Error)
      return
    }

    if (origin !== undefined) void reply.header('access-control-allow-origin', origin).header('vary', 'origin')
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (request, payload, done) => {
    try {
      readBody(payload, jsonLengthOf(request), {bodyBytes: limits.bodyBytes, budget}, done)
    } catch (error) {
      done(error as Error)
    }
  })
  app.setErrorHandler((error, request, reply) => {
    sendError(error, request, reply, context)
  })
  app.setNotFoundHandler((request, reply) => {
    const {method, url} = request
    const error = new Refusal({http: 404, grpc: 12}, 'INVALID_ARGUMENT', `there is nothing at ${method} ${pathOf(url)}`)
    sendError(error, request, reply, context)
  })
}

/** The length of the JSON part; undefined where it is the whole body. @throws {NpuBridgeError} PROTOCOL_ERROR */
export function jsonLengthOf({headers}: {headers: IncomingMessage['headers']}): number | undefined {
  const given = headers['inference-header-content-length']
  if (given === undefined) return undefined
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given)
  throw new NpuBridgeError(
    'PROTOCOL_ERROR',
    `Inference-Header-Content-Length is ${JSON.stringify(given)}, not a length`,
  )
}

const LONGEST_SHOWN_PATH = 100

function pathOf(url: string): string {
  const path = url.split('?', 1)[0]!
  return path.length > LONGEST_SHOWN_PATH ? `${path.slice(0, LONGEST_SHOWN_PATH)}…` : path
}

/** Answers with an error, in the form of the protocol and with what this project's errors have besides. */
export function sendError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  {activity, log, metrics, service}: HttpContext,
): void {
  const error = toldError(asProtocolError(thrown))
  activity.told(error, `${request.method} ${pathOf(request.url)}`)
  const {http} = wireStatus(error)
  if (http >= 500 && error.code === 'INTERNAL') log.failure('request failed', thrown, {url: pathOf(request.url)})
  else log.debug('refused', {code: error.code, status: http, url: pathOf(request.url)})
  metrics.answered('http', http)
  if (reply.raw.headersSent || reply.raw.destroyed) {
    reply.raw.destroy()
    return
  }

  void reply.code(http)
  if (mayRetry(error)) void reply.header('retry-after', RETRY_AFTER_SECONDS)
  if (http === 401) void reply.header('www-authenticate', 'Bearer')
  // What is left of the body is not read: the connection is of no more use.
  if (!request.raw.complete || service.isDraining) void reply.header('connection', 'close')
  const {code, message, suggestions} = error
  void reply.header('content-type', 'application/json').send(JSON.stringify({error: message, code, suggestions}))
}

/** What fastify itself refuses, as an error of ours. */
function asProtocolError(thrown: unknown): unknown {
  if (thrown instanceof NpuBridgeError) return thrown
  const {statusCode, message} = thrown as {message?: string; statusCode?: number}
  if (statusCode === undefined || statusCode >= 500) return thrown
  return new Refusal({http: statusCode, grpc: 3}, 'PROTOCOL_ERROR', String(message))
}

/** Answers what is no HTTP at all, or came too slowly, and hangs up. */
function refuseConnection(error: Error & {code?: string}, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }

  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const status = late
    ? '408 Request Timeout'
    : error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : '400 Bad Request'
  const body = JSON.stringify({
    error: late ? 'the request was not complete in time' : 'this is not HTTP that can be understood',
    code: 'PROTOCOL_ERROR',
    suggestions: [],
  })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** Node sends text in one piece with the headers before it, bytes in pieces of their own, which takes half as long again. */
const ONE_WRITE_BYTES = 4096

/** Bytes as the text that is encoded as them. */
function textOf({buffer, byteLength, byteOffset}: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

/** Ends an answer that was written without fastify; `onSent` is called once the operating system has all of it. */
export function endRaw(
  reply: FastifyReply,
  status: number,
  headers: string[],
  parts: readonly Uint8Array[],
  onSent?: () => void,
): void {
  void reply.hijack()
  const response: ServerResponse = reply.raw
  response.writeHead(status, headers)
  const last = parts.length - 1
  if (last === 0 && parts[0]!.length <= ONE_WRITE_BYTES) {
    response.end(textOf(parts[0]!), 'latin1', onSent)
    return
  }

  for (let index = 0; index < last; index++) response.write(parts[index]!)
  response.end(parts[last], onSent)
}
