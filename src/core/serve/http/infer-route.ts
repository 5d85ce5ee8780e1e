/** The one endpoint that has to be fast: its answers are written without any of the framework's conveniences. */
import type {FastifyReply, FastifyRequest} from 'fastify'

import {constants, deflate, gzip} from 'node:zlib'

import {NpuBridgeError} from '../../errors.ts'
import {type InferResponse, isUrgent} from '../service/inference.ts'
import {AnswerTurns} from './answer-turns.ts'
import {endRaw, type HttpContext, jsonLengthOf, sendError} from './app.ts'
import {disconnectSignal} from './body.ts'
import {type Body, type DecodedRequest, decodeInferRequest, rawInferRequest} from './infer-decode.ts'
import {type EncodedAnswer, encodeInferResponse} from './infer-encode.ts'

type InferRoute = FastifyRequest<{Body: Body; Params: {readonly model: string; readonly version?: string}}>

/** Smaller answers are not worth compressing. */
const COMPRESS_FROM_BYTES = 1400

export function inferHandler(context: HttpContext): (request: InferRoute, reply: FastifyReply) => Promise<void> {
  const turns = new AnswerTurns()
  return async (request, reply) => {
    const startedAt = performance.now()
    let counters
    try {
      const {model: name, version = ''} = request.params
      const found = context.service.model(name, version)
      const model = found instanceof Promise ? await found : found
      counters = model.counters
      const decoded = decodeBody(request, context, model)
      const inputUs = (performance.now() - startedAt) * 1000
      const response = await context.service.infer(model, decoded.request, disconnectSignal(request.raw.socket))
      const turn = isUrgent(decoded.request) ? undefined : turns.next()
      if (turn !== undefined) await turn
      answer({request, reply, context, decoded, response, inputUs})
    } catch (error) {
      counters?.failed((performance.now() - startedAt) * 1000)
      sendError(error, request, reply, context)
    }
  }
}

function decodeBody(request: InferRoute, {limits}: HttpContext, model: InferResponse['model']): DecodedRequest {
  const {body} = request
  if (body === undefined || body === null) throw new NpuBridgeError('PROTOCOL_ERROR', 'the request has no body')
  const jsonLength = jsonLengthOf(request.raw)
  return jsonLength === 0 ? rawInferRequest(body, model, limits) : decodeInferRequest(body, jsonLength, limits)
}

interface Answer {
  readonly request: InferRoute
  readonly reply: FastifyReply
  readonly context: HttpContext
  readonly decoded: DecodedRequest
  readonly response: InferResponse
  readonly inputUs: number
}

function answer({context, decoded, inputUs, reply, request, response}: Answer): void {
  const {metrics, service} = context
  const startedAt = performance.now()
  const encoded = encodeInferResponse(response, decoded.form)
  service.answered(decoded.request, response, inputUs, (performance.now() - startedAt) * 1000)
  metrics.answered('http', 200)
  metrics.sentBytes += encoded.byteLength
  const encoding = encodingFor(request, encoded)
  if (encoding !== undefined) {
    compress(encoded, encoding, context, reply)
    return
  }

  const headers = headersOf(encoded, encoded.byteLength, context, reply)
  endRaw(reply, 200, headers, encoded.parts, encoded.release)
}

function headersOf(
  {jsonLength}: EncodedAnswer,
  byteLength: number,
  {service}: HttpContext,
  reply: FastifyReply,
): string[] {
  const headers = ['Content-Length', String(byteLength)]
  if (jsonLength === undefined) headers.push('Content-Type', 'application/json')
  else {
    headers.push('Content-Type', 'application/octet-stream', 'Inference-Header-Content-Length', String(jsonLength))
  }

  const origin = reply.getHeader('access-control-allow-origin')
  if (origin !== undefined) headers.push('Access-Control-Allow-Origin', String(origin), 'Vary', 'origin')
  if (service.isDraining) headers.push('Connection', 'close')
  return headers
}

type Encoding = 'deflate' | 'gzip'

/** The compression that the client asks for, where there is enough to be compressed. */
function encodingFor(request: InferRoute, {byteLength}: EncodedAnswer): Encoding | undefined {
  const accepted = request.raw.headers['accept-encoding']
  if (accepted === undefined || byteLength < COMPRESS_FROM_BYTES) return undefined
  for (const part of String(accepted).split(',')) {
    const [name, ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    if ((name === 'gzip' || name === 'deflate') && parameters.every((piece) => !/^q=0(?:\.0*)?$/.test(piece)))
      return name
  }

  return undefined
}

function compress(encoded: EncodedAnswer, encoding: Encoding, context: HttpContext, reply: FastifyReply): void {
  void reply.hijack()
  const work = encoding === 'gzip' ? gzip : deflate
  work(Buffer.concat(encoded.parts), {level: constants.Z_BEST_SPEED}, (error, bytes) => {
    if (error) {
      context.log.failure('an answer could not be compressed', error)
      reply.raw.destroy()
      return
    }

    const headers = headersOf(encoded, bytes.length, context, reply)
    endRaw(reply, 200, [...headers, 'Content-Encoding', encoding], [bytes])
  })
}
