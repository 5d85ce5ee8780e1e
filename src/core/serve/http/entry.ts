/** What a request goes through first, and the shorter way that inferences take. */
import type {IncomingMessage, RequestListener, ServerResponse} from 'node:http'

import type {HttpContext} from './context.ts'
import type {InferHandler} from './infer-route.ts'

import {bearerIn} from '../security/socket-token.ts'
import {endWithError} from './answer.ts'
import {jsonLengthOf, readBody, release} from './body.ts'

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

/** Counts a request until it is answered, and refuses who may not be here. @throws {Refusal} */
export function enter(
  request: IncomingMessage,
  response: ServerResponse,
  {access, budget, metrics}: HttpContext,
  {isPublic = false}: {readonly isPublic?: boolean} = {},
): void {
  const {headers} = request
  metrics.inFlight++
  response.on('close', () => {
    metrics.inFlight--
    metrics.receivedBytes += headers['content-length'] === undefined ? 0 : Number(headers['content-length'])
    release(request, budget)
  })
  if (isPublic) access.checkPublic(headOf(request))
  else access.check(headOf(request), {isPreflight: request.method === 'OPTIONS'})
  if (headers.origin !== undefined) {
    response.setHeader('access-control-allow-origin', headers.origin)
    response.setHeader('vary', 'origin')
  }
}

/**
 * Answers inferences itself and leaves all else to `next`, the framework: its way of a request costs a tenth of the
 * shortest inference. Names that need decoding, versions and parameters of a URL go there, to the same handler.
 */
export function inferencesFirst(next: RequestListener, context: HttpContext, infer: InferHandler): RequestListener {
  const {budget, limits} = context
  return (request, response) => {
    const model = request.method === 'POST' ? modelIn(request.url!) : undefined
    if (model === undefined) {
      next(request, response)
      return
    }

    try {
      enter(request, response, context)
      const jsonLength = jsonLengthOf(request)
      readBody(request, jsonLength, {bodyBytes: limits.bodyBytes, budget}, (error, body) => {
        if (error) endWithError(error, request, response, context)
        else infer({request, response, model, version: '', body, jsonLength})
      })
    } catch (error) {
      endWithError(error, request, response, context)
    }
  }
}

const MODELS = '/v2/models/'
const INFER = '/infer'
const PLAIN_NAME = /^[\w.-]+$/

/** The model of a URL that says nothing but that it is to infer. */
function modelIn(url: string): string | undefined {
  if (!url.startsWith(MODELS) || !url.endsWith(INFER)) return undefined
  const name = url.slice(MODELS.length, -INFER.length)
  return PLAIN_NAME.test(name) ? name : undefined
}
