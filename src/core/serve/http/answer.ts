/** How answers leave that the framework does not write. */
import {Buffer} from 'node:buffer'
import {type IncomingMessage, type ServerResponse} from 'node:http'

import type {HttpContext} from './context.ts'
import type {Part} from './infer-encode.ts'

import {NpuBridgeError} from '../../errors.ts'
import {mayRetry, Refusal, toldError, wireStatus} from '../service/refusal.ts'

const RETRY_AFTER_SECONDS = '1'
const LONGEST_SHOWN_PATH = 100

/** The path of a URL, cut where it is long. */
export function pathOf(url: string): string {
  const path = url.split('?', 1)[0]!
  return path.length > LONGEST_SHOWN_PATH ? `${path.slice(0, LONGEST_SHOWN_PATH)}…` : path
}

/** Answers with an error, in the form of the protocol and with what this project's errors have besides. */
export function endWithError(
  thrown: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  {activity, log, metrics, service}: HttpContext,
): void {
  const error = toldError(asProtocolError(thrown))
  activity.told(error, `${request.method} ${pathOf(request.url!)}`)
  const {http} = wireStatus(error)
  if (http >= 500 && error.code === 'INTERNAL') log.failure('request failed', thrown, {url: pathOf(request.url!)})
  else log.debug('refused', {code: error.code, status: http, url: pathOf(request.url!)})
  metrics.answered('http', http)
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }

  const headers = ['Content-Type', 'application/json']
  if (mayRetry(error)) headers.push('Retry-After', RETRY_AFTER_SECONDS)
  if (http === 401) headers.push('WWW-Authenticate', 'Bearer')
  // What is left of the body is not read: the connection is of no more use.
  if (!request.complete || service.isDraining) headers.push('Connection', 'close')
  const {code, message, suggestions} = error
  const body = Buffer.from(JSON.stringify({error: message, code, suggestions}))
  endWith(response, http, [...headers, 'Content-Length', String(body.length)], [body])
}

/** What fastify itself refuses, as an error of ours. */
function asProtocolError(thrown: unknown): unknown {
  if (thrown instanceof NpuBridgeError) return thrown
  const {statusCode, message} = thrown as {message?: string; statusCode?: number}
  if (statusCode === undefined || statusCode >= 500) return thrown
  return new Refusal({http: statusCode, grpc: 3}, 'PROTOCOL_ERROR', String(message))
}

/** Ends an answer without the framework; `onSent` is called once the operating system has all of it. */
export function endWith(
  response: ServerResponse,
  status: number,
  headers: string[],
  parts: readonly Part[],
  onSent?: () => void,
): void {
  response.writeHead(status, headers)
  const last = parts.length - 1
  for (let index = 0; index < last; index++) response.write(parts[index]!, 'latin1')
  response.end(parts[last]!, 'latin1', onSent)
}
