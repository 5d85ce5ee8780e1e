/** The same service over gRPC. Loaded only where gRPC is offered: its library takes memory of its own. */
import {
  logVerbosity,
  ResponderBuilder,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  type ServerUnaryCall,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import {loadSync} from '@grpc/proto-loader'
import path from 'node:path'

import type {TlsFiles} from '../http/app.ts'
import type {Activity} from '../live/activity.ts'
import type {ServeLimits} from '../options.ts'
import type {Access} from '../security/access.ts'
import type {ServeLog} from '../serve-log.ts'
import type {ServerMetrics} from '../server-metrics.ts'
import type {InferenceService} from '../service/inference-service.ts'

import {NpuBridgeError} from '../../errors.ts'
import {listenError, urlHost} from '../listen.ts'
import {toldError, wireStatus} from '../service/refusal.ts'
import {type InferMessage, inferMessageOf, inferRequestOf} from './messages.ts'

const PROTO = path.resolve(import.meta.dirname, '..', '..', '..', '..', 'proto', 'inference.proto')
const SERVICE = 'inference.GRPCInferenceService'

export interface GrpcContext {
  readonly service: InferenceService
  readonly access: Access
  readonly metrics: ServerMetrics
  readonly limits: ServeLimits
  readonly log: ServeLog
  readonly activity: Activity
}

export interface GrpcServer {
  readonly port: number
  /** Takes no further calls, and gives those that are there `drainMs` to end. */
  close(drainMs: number): Promise<void>
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT where the port cannot be had */
export async function startGrpc(
  context: GrpcContext,
  {host, port, tls}: {host: string; port: number; tls: TlsFiles | null},
): Promise<GrpcServer> {
  const {limits} = context
  // What goes wrong is told here, in the form that everything else has.
  setLogVerbosity(logVerbosity.NONE)
  const server = new Server({
    'grpc.max_concurrent_streams': limits.socketOperations,
    'grpc.max_receive_message_length': limits.bodyBytes,
    'grpc.max_send_message_length': -1,
    interceptors: [accessInterceptor(context)],
  })
  const definition = loadSync(PROTO, {keepCase: true, longs: String, defaults: true})
  server.addService(definition[SERVICE] as ServiceDefinition, handlers(context))
  const credentials = tls
    ? ServerCredentials.createSsl(null, [{cert_chain: tls.cert, private_key: tls.key}])
    : ServerCredentials.createInsecure()
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${urlHost(host)}:${port}`, credentials, (error, chosen) => {
      if (error) reject(bindError(error, host, port))
      else resolve(chosen)
    })
  })
  return {
    port: bound,
    async close(drainMs) {
      await new Promise<void>((resolve) => {
        const cut = setTimeout(() => {
          server.forceShutdown()
        }, drainMs)
        server.tryShutdown(() => {
          clearTimeout(cut)
          resolve()
        })
      })
    },
  }
}

function bindError(error: Error, host: string, port: number): NpuBridgeError {
  const code = /EADDRINUSE|EACCES/.exec(error.message)?.[0]
  return listenError(Object.assign(new Error(error.message), {code}), `port ${port} of ${host}, for gRPC,`)
}

/** Asks for the token before a message is taken. */
function accessInterceptor({access, activity, metrics}: GrpcContext): ServerInterceptor {
  return (_method, call) => {
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        try {
          const [authorization] = metadata.get('authorization')
          access.checkCall(authorization === undefined ? undefined : String(authorization), clientOf(call.getPeer()))
        } catch (error) {
          const told = toldError(error)
          activity.told(told, 'gRPC')
          metrics.answered('grpc', wireStatus(told).grpc)
          call.sendStatus({code: wireStatus(told).grpc, details: told.message})
          return
        }

        next(metadata)
      })
      .build()
    const responder = new ResponderBuilder()
      .withStart((next) => {
        next(listener)
      })
      .build()
    return new ServerInterceptingCall(call, responder)
  }
}

/** The address of a peer without its port. */
function clientOf(peer: string): string {
  return peer.replace(/:\d+$/, '')
}

type Unary<Q> = ServerUnaryCall<Q, object>

/** A handler that answers what `work` gives, and errors by the table that HTTP uses. */
function unary<Q>(
  {activity, log, metrics}: GrpcContext,
  work: (request: Q, signal: AbortSignal) => Promise<object>,
): UntypedHandleCall {
  return (call: Unary<Q>, callback: sendUnaryData<object>) => {
    const controller = new AbortController()
    call.on('cancelled', () => {
      controller.abort(new NpuBridgeError('CANCELLED', 'the client cancelled its call'))
    })
    metrics.inFlight++
    const end = (status: number) => {
      metrics.inFlight--
      metrics.answered('grpc', status)
    }

    const answer = async () => {
      try {
        const value = await work(call.request, controller.signal)
        end(0)
        callback(null, value)
      } catch (error) {
        const told = toldError(error)
        activity.told(told, `gRPC ${call.getPath()}`)
        const code = wireStatus(told).grpc
        if (told.code === 'INTERNAL') log.failure('call failed', error, {method: call.getPath()})
        end(code)
        callback({code, details: told.message})
      }
    }

    void answer()
  }
}

interface Named {
  readonly name: string
  readonly version: string
}

function handlers(context: GrpcContext): Record<string, UntypedHandleCall> {
  const {service} = context
  return {
    ServerLive: unary(context, async () => ({live: true})),
    ServerReady: unary(context, async () => {
      const {ready} = await service.readiness()
      return {ready}
    }),
    ModelReady: unary(context, async ({name, version}: Named) => ({ready: await isReady(service, name, version)})),
    ServerMetadata: unary(context, async () => service.metadata),
    ModelMetadata: unary(context, async ({name, version}: Named) => service.modelMetadata(name, version)),
    ModelStatistics: unary(context, async ({name, version}: Named) => ({
      model_stats: await service.statistics(name === '' ? undefined : name, version),
    })),
    ModelInfer: unary(context, async (message: InferMessage, signal) => infer(context, message, signal)),
    ModelStreamInfer: streamHandler(context),
    RepositoryIndex: unary(context, async ({ready}: {ready: boolean}) => ({models: await service.index(ready)})),
    RepositoryModelLoad: unary(context, async ({model_name, parameters}: LoadMessage) => {
      await service.load(model_name, parameters)
      return {}
    }),
    RepositoryModelUnload: unary(context, async ({model_name}: LoadMessage) => {
      await service.unload(model_name)
      return {}
    }),
  }
}

interface LoadMessage {
  readonly model_name: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A model that is not there or cannot be loaded is not ready; that is no failure of the question. */
async function isReady(service: InferenceService, name: string, version: string): Promise<boolean> {
  try {
    return await service.modelReady(name, version)
  } catch (error) {
    if (wireStatus(toldError(error)).http < 500) return false
    throw error
  }
}

async function infer(
  {limits, service}: GrpcContext,
  message: InferMessage,
  signal: AbortSignal,
): Promise<ReturnType<typeof inferMessageOf>> {
  const startedAt = performance.now()
  const model = await service.model(message.model_name, message.model_version)
  try {
    const request = inferRequestOf(message, limits)
    const inputUs = (performance.now() - startedAt) * 1000
    const response = await service.infer(model, request, signal)
    const answer = inferMessageOf(response)
    service.answered(request, response, inputUs, 0)
    return answer
  } catch (error) {
    model.counters.failed((performance.now() - startedAt) * 1000)
    throw error
  }
}

/** Answers come in the order of the requests; a request that fails is answered with its error, and the stream goes on. */
function streamHandler(context: GrpcContext): UntypedHandleCall {
  return (call: ServerDuplexStream<InferMessage, object>) => {
    const controller = new AbortController()
    call.on('cancelled', () => {
      controller.abort(new NpuBridgeError('CANCELLED', 'the client cancelled its call'))
    })
    let underWay = 0
    let last = Promise.resolve()
    call.on('data', (message: InferMessage) => {
      underWay++
      if (underWay >= context.limits.socketOperations) call.pause()
      const answer = streamAnswer(context, message, controller.signal)
      last = last.then(async () => {
        if (!call.write(await answer)) await drained(call)
        underWay--
        call.resume()
      })
    })
    call.on('end', () => {
      void last.then(() => {
        call.end()
      })
    })
  }
}

async function streamAnswer(context: GrpcContext, message: InferMessage, signal: AbortSignal): Promise<object> {
  try {
    const response = await infer(context, message, signal)
    context.metrics.answered('grpc', 0)
    return {infer_response: response}
  } catch (error) {
    const told = toldError(error)
    context.activity.told(told, `gRPC ModelStreamInfer ${message.model_name}`)
    context.metrics.answered('grpc', wireStatus(told).grpc)
    return {error_message: told.message, infer_response: {id: message.id, model_name: message.model_name}}
  }
}

async function drained(call: ServerDuplexStream<InferMessage, object>): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      call.off('drain', done).off('cancelled', done)
      resolve()
    }

    call.once('drain', done).once('cancelled', done)
  })
}
