/** The one endpoint that has to be fast: its answers are written without any of the framework's conveniences. */
import type {IncomingMessage, ServerResponse} from 'node:http'

import {constants, deflate, gzip} from 'node:zlib'

import type {HttpContext} from './context.ts'

import {NpuBridgeError} from '../../errors.ts'
import {type InferResponse, isUrgent} from '../service/inference.ts'
import {type ModelCounters} from '../service/statistics.ts'
import {AnswerTurns} from './answer-turns.ts'
import {endWith, endWithError} from './answer.ts'
import {disconnectSignal} from './body.ts'
import {type Body, type DecodedRequest, decodeInferRequest, rawInferRequest} from './infer-decode.ts'
import {type EncodedAnswer, encodeInferResponse, type Part} from './infer-encode.ts'

/** An inference as it came, and where its answer goes. */
export interface InferExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly model: string
  /** Empty for any. */
  readonly version: string
  readonly body: Body | undefined
  /** Bytes of the body that are JSON; undefined where all are. */
  readonly jsonLength: number | undefined
}

/** Answers an inference, be it with an error. */
export type InferHandler = (exchange: InferExchange) => void

/** Smaller answers are not worth compressing. */
const COMPRESS_FROM_BYTES = 1400

export function inferHandler(context: HttpContext): InferHandler {
  const turns = new AnswerTurns()
  return (exchange) => {
    void answerInTurn(exchange, context, turns)
  }
}

/** Never fails: whatever happens, the client is told, or loses its connection. */
async function answerInTurn(exchange: InferExchange, context: HttpContext, turns: AnswerTurns): Promise<void> {
  const startedAt = performance.now()
  const {request, response} = exchange
  let counters: ModelCounters | undefined
  const fail = (error: unknown) => {
    counters?.failed((performance.now() - startedAt) * 1000)
    tell(error, exchange, context)
  }

  try {
    const found = context.service.model(exchange.model, exchange.version)
    const model = found instanceof Promise ? await found : found
    counters = model.counters
    const decoded = decodeBody(exchange, context, model)
    const inputUs = (performance.now() - startedAt) * 1000
    const inferred = await context.service.infer(model, decoded.request, disconnectSignal(request.socket))
    const give = () => {
      try {
        answer({request, response, context, decoded, inferred, inputUs})
      } catch (error) {
        fail(error)
      }
    }

    if (isUrgent(decoded.request)) give()
    else turns.run(give)
  } catch (error) {
    fail(error)
  }
}

function tell(failure: unknown, {request, response}: InferExchange, context: HttpContext): void {
  try {
    endWithError(failure, request, response, context)
  } catch (error) {
    context.log.failure('an answer could not be written', error)
    response.destroy()
  }
}

function decodeBody(
  {body, jsonLength}: InferExchange,
  {limits}: HttpContext,
  model: InferResponse['model'],
): DecodedRequest {
  if (body === undefined || (body.bytes.length === 0 && jsonLength !== 0)) {
    throw new NpuBridgeError('PROTOCOL_ERROR', 'the request has no body')
  }

  return jsonLength === 0 ? rawInferRequest(body, model, limits) : decodeInferRequest(body, jsonLength, limits)
}

interface Answer {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly context: HttpContext
  readonly decoded: DecodedRequest
  readonly inferred: InferResponse
  readonly inputUs: number
}

function answer({context, decoded, inferred, inputUs, request, response}: Answer): void {
  const {metrics, service} = context
  const startedAt = performance.now()
  const encoded = encodeInferResponse(inferred, decoded.form)
  service.answered(decoded.request, inferred, inputUs, (performance.now() - startedAt) * 1000)
  metrics.answered('http', 200)
  metrics.sentBytes += encoded.byteLength
  const encoding = encodingFor(request, encoded)
  if (encoding !== undefined) {
    compress(encoded, encoding, context, response)
    return
  }

  const headers = headersOf(encoded, encoded.byteLength, context)
  endWith(response, 200, headers, encoded.parts, encoded.release)
}

function headersOf({jsonLength}: EncodedAnswer, byteLength: number, {service}: HttpContext): string[] {
  const headers = ['Content-Length', String(byteLength)]
  if (jsonLength === undefined) headers.push('Content-Type', 'application/json')
  else {
    headers.push('Content-Type', 'application/octet-stream', 'Inference-Header-Content-Length', String(jsonLength))
  }

  if (service.isDraining) headers.push('Connection', 'close')
  return headers
}

type Encoding = 'deflate' | 'gzip'

/** The compression that the client asks for, where there is enough to be compressed. */
function encodingFor(request: IncomingMessage, {byteLength}: EncodedAnswer): Encoding | undefined {
  const accepted = request.headers['accept-encoding']
  if (accepted === undefined || byteLength < COMPRESS_FROM_BYTES) return undefined
  for (const part of String(accepted).split(',')) {
    const [name, ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
    if ((name === 'gzip' || name === 'deflate') && parameters.every((piece) => !/^q=0(?:\.0*)?$/.test(piece)))
      return name
  }

  return undefined
}

function bytesOf(part: Part): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part, 'latin1') : part
}

function compress(encoded: EncodedAnswer, encoding: Encoding, context: HttpContext, response: ServerResponse): void {
  const work = encoding === 'gzip' ? gzip : deflate
  work(Buffer.concat(encoded.parts.map((part) => bytesOf(part))), {level: constants.Z_BEST_SPEED}, (error, bytes) => {
    if (error) {
      context.log.failure('an answer could not be compressed', error)
      response.destroy()
      return
    }

    const headers = headersOf(encoded, bytes.length, context)
    endWith(response, 200, [...headers, 'Content-Encoding', encoding], [bytes])
  })
}
