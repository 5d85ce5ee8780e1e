/** The endpoints of the Open Inference Protocol, and those around them. */
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'

import type {HttpContext} from './context.ts'

import {NpuBridgeError} from '../../errors.ts'
import {parseJson} from '../../run/json.ts'
import {Refusal} from '../service/refusal.ts'
import {sendError} from './app.ts'
import {jsonLengthOf} from './body.ts'
import {type Body} from './infer-decode.ts'
import {type InferHandler} from './infer-route.ts'
import {addPage} from './page.ts'

interface ModelParams {
  readonly model: string
  readonly version?: string
}

type ModelRequest = FastifyRequest<{Params: ModelParams}>
type InferRequest = FastifyRequest<{Body: Body | undefined; Params: ModelParams}>

export function addRoutes(app: FastifyInstance, context: HttpContext, infer: InferHandler): void {
  addHealth(app, context)
  addModels(app, context)
  addRepository(app, context)
  for (const route of ['/v2/models/:model/infer', '/v2/models/:model/versions/:version/infer']) {
    app.post(route, ({body, params, raw}: InferRequest, reply) => {
      const jsonLength = jsonLengthOf(raw)
      void reply.hijack()
      infer({request: raw, response: reply.raw, model: params.model, version: params.version ?? '', body, jsonLength})
    })
  }

  addOptions(app, context)
  if (context.offersPage) addPage(app, context)
  app.get(
    '/ws',
    json(context, async () => {
      throw new Refusal({http: 426, grpc: 12}, 'PROTOCOL_ERROR', 'this is for WebSockets')
    }),
  )
  app.get('/metrics', (_request, reply) => {
    context.metrics.answered('http', 200)
    void reply
      .header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
      .send(context.service.engine.metricsText() + context.metrics.text())
  })
}

/** A handler that answers with JSON, or with the error that it throws. */
function json<T extends FastifyRequest>(context: HttpContext, answer: (request: T) => Promise<unknown>) {
  return async (request: T, reply: FastifyReply) => {
    try {
      const value = await answer(request)
      sendJson(reply, 200, value, context)
    } catch (error) {
      sendError(error, reply, context)
    }

    return reply
  }
}

function sendJson(reply: FastifyReply, status: number, value: unknown, {metrics, service}: HttpContext): void {
  metrics.answered('http', status)
  if (service.isDraining) void reply.header('connection', 'close')
  const text = value === undefined ? '' : JSON.stringify(value)
  metrics.sentBytes += text.length
  void reply.code(status).header('content-type', 'application/json').send(text)
}

function addHealth(app: FastifyInstance, context: HttpContext): void {
  const {service} = context
  app.get(
    '/v2',
    json(context, async () => service.metadata),
  )
  app.get(
    '/v2/health/live',
    json(context, async () => ({live: true})),
  )
  app.get('/v2/health/ready', async (_request, reply) => {
    const {health, ready, reason} = await service.readiness()
    sendJson(reply, ready ? 200 : 503, {ready, reason, devices: health?.devices ?? []}, context)
    return reply
  })
}

function addModels(app: FastifyInstance, context: HttpContext): void {
  const {service} = context
  const statistics = json(context, async ({params}: ModelRequest) => ({
    model_stats: await service.statistics(params.model, params.version),
  }))
  app.get('/v2/models/stats', statistics)
  for (const prefix of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get(
      prefix,
      json(context, async ({params}: ModelRequest) => service.modelMetadata(params.model, params.version)),
    )
    app.get(
      `${prefix}/ready`,
      json(context, async ({params}: ModelRequest) => {
        const {model, version = ''} = params
        return {name: model, ready: await service.modelReady(model, version)}
      }),
    )
    app.get(`${prefix}/stats`, statistics)
  }
}

function addRepository(app: FastifyInstance, context: HttpContext): void {
  const {service} = context
  app.post(
    '/v2/repository/index',
    json(context, async ({body}) => service.index(jsonBody(body).ready === true)),
  )
  app.post(
    '/v2/repository/models/:model/load',
    json(context, async ({body, params}: ModelRequest) => {
      const {parameters} = jsonBody(body)
      await service.load(params.model, parameters as Record<string, unknown> | undefined)
    }),
  )
  app.post(
    '/v2/repository/models/:model/unload',
    json(context, async ({params}: ModelRequest) => {
      await service.unload(params.model)
    }),
  )
}

/** What browsers ask before a page of an allowed origin may send anything but the simplest request. */
function addOptions(app: FastifyInstance, {metrics}: HttpContext): void {
  app.options('/*', (_request, reply) => {
    metrics.answered('http', 204)
    void reply
      .code(204)
      .header('access-control-allow-methods', 'GET, POST')
      .header('access-control-allow-headers', 'authorization, content-type, inference-header-content-length')
      .header('access-control-max-age', '600')
      .send()
  })
}

/** The object in a body; an empty one for an empty body. */
function jsonBody(body: unknown): Readonly<Record<string, unknown>> {
  const bytes = (body as Body | undefined)?.bytes
  if (bytes === undefined || bytes.length === 0) return {}
  const value = parseJson(bytes.toString('utf8'))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new NpuBridgeError('INVALID_ARGUMENT', 'the body must be an object')
}
