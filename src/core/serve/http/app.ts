/** The HTTP server: what every request goes through, whatever it asks for. */
import type {Buffer} from 'node:buffer'
import type {Socket} from 'node:net'

import {fastify, type FastifyInstance, type FastifyReply} from 'fastify'
import {createServer, type Server} from 'node:http'
import {createServer as createTlsServer, type Server as HttpsServer} from 'node:https'

import type {HttpContext} from './context.ts'

import {Refusal} from '../service/refusal.ts'
import {endWithError, pathOf} from './answer.ts'
import {jsonLengthOf, readBody} from './body.ts'
import {enter, inferencesFirst} from './entry.ts'
import {closeIdle} from './idle-connections.ts'
import {type InferHandler} from './infer-route.ts'

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

export function createApp(
  context: HttpContext,
  infer: InferHandler,
  tls: TlsFiles | null,
): {app: FastifyInstance; server: HttpServer} {
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
        // Those that are idle are closed by other means.
        keepAliveTimeout: 0,
        requestTimeout: limits.requestMs,
      }
      const listener = inferencesFirst(handler, context, infer)
      server = tls ? createTlsServer({...timing, ...tls}, listener) : createServer(timing, listener)
      server.maxConnections = limits.connections
      closeIdle(server, limits.idleMs)
      return server
    },
  })
  addRules(app, context)
  return {app, server: server!}
}

function addRules(app: FastifyInstance, context: HttpContext): void {
  const {budget, limits} = context
  app.addHook('onRequest', (request, reply, done) => {
    try {
      enter(request.raw, reply.raw, context, request.routeOptions.config)
    } catch (error) {
      done(error as Error)
      return
    }

    done()
  })
  app.removeAllContentTypeParsers()
  // Those that are known by name are found without being taken apart.
  app.addContentTypeParser(['application/octet-stream', 'application/json', '*'], (request, payload, done) => {
    try {
      readBody(payload, jsonLengthOf(request), {bodyBytes: limits.bodyBytes, budget}, done)
    } catch (error) {
      done(error as Error)
    }
  })
  app.setErrorHandler((error, _request, reply) => {
    sendError(error, reply, context)
  })
  app.setNotFoundHandler((request, reply) => {
    const {method, url} = request
    const error = new Refusal({http: 404, grpc: 12}, 'INVALID_ARGUMENT', `there is nothing at ${method} ${pathOf(url)}`)
    sendError(error, reply, context)
  })
}

/** Answers with an error where the framework would have answered. */
export function sendError(thrown: unknown, reply: FastifyReply, context: HttpContext): void {
  void reply.hijack()
  endWithError(thrown, reply.request.raw, reply.raw, context)
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
