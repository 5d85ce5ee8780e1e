/** A server from its options to its end. */
import path from 'node:path'

import type {LiveNode} from '../dashboard/nodes.ts'
import type {Engine} from '../engine/engine.ts'
import type {Paths} from '../paths.ts'
import type {GrpcServer} from './grpc/server.ts'
import type {ServeOptions} from './options.ts'
import type {ServeLog} from './serve-log.ts'

import {NpuBridgeError} from '../errors.ts'
import {LiveRoot} from '../probe/root.ts'
import {createApp, type HttpServer, type TlsFiles} from './http/app.ts'
import {ByteBudget} from './http/body.ts'
import {type HttpContext} from './http/context.ts'
import {inferHandler} from './http/infer-route.ts'
import {addRoutes} from './http/routes.ts'
import {listenOnPort, listenOnSocket, readTls, urlHost} from './listen.ts'
import {Activity} from './live/activity.ts'
import {Monitor} from './live/monitor.ts'
import {ObservedEngine} from './live/observed-engine.ts'
import {NpuTelemetry} from './live/telemetry.ts'
import {Access, isLoopback} from './security/access.ts'
import {RateLimit} from './security/rate-limit.ts'
import {chooseToken, type TokenChoice} from './security/token-store.ts'
import {ServerMetrics} from './server-metrics.ts'
import {InferenceService} from './service/inference-service.ts'
import {ModelFolder, type ModelSource} from './service/model-folder.ts'
import {ModelRegistry} from './service/model-registry.ts'
import {addWebSocket} from './websocket/endpoint.ts'

export interface ServerParts {
  readonly engine: Engine
  readonly log: ServeLog
  readonly paths: Paths
  /** Of npubridge. */
  readonly version: string
  /** The models that there are; those of the folder when absent. */
  readonly models?: ModelSource | undefined
  /** The nodes of the pool that the engine is. */
  readonly readNodes?: (() => readonly LiveNode[]) | undefined
  /** A token that the operator keeps; what `NPUBRIDGE_TOKEN` says. */
  readonly givenToken?: string | undefined
  /** Makes a new token in place of the one that is kept. */
  readonly renewToken?: boolean
}

export interface RunningServer {
  /** Where clients reach it. */
  readonly url: string
  readonly socket: string | null
  /** `host:port`; null without gRPC. */
  readonly grpc: string | null
  readonly models: string
  readonly needsToken: boolean
  /** A token that was made just now, to be shown once. */
  readonly freshToken: string | null
  readonly metrics: ServerMetrics
  /** Takes no further requests, lets those that are there end, and shuts the engine down. */
  stop(): Promise<void>
}

/**
 * Starts a server. The engine belongs to it from then on, also where it fails.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT for an address in use or a certificate that cannot be read, and what loading
 *   models throws
 */
export async function startServer(options: ServeOptions, parts: ServerParts): Promise<RunningServer> {
  const closers: Array<() => Promise<void>> = []
  try {
    return await start(options, parts, closers)
  } catch (error) {
    for (const close of closers.toReversed()) await close().catch(() => undefined)
    await parts.engine.shutdown({drainMs: 0})
    throw error
  }
}

async function start(
  options: ServeOptions,
  parts: ServerParts,
  closers: Array<() => Promise<void>>,
): Promise<RunningServer> {
  const tls = await readTls(options)
  const token = await tokenFor(options, parts)
  const folder = options.models === null ? parts.paths.models : path.resolve(options.models)
  const context = contextFor(options, parts, {folder, token})
  const {metrics, monitor, service} = context
  closers.push(async () => {
    monitor[Symbol.dispose]()
  })
  const infer = inferHandler(context)
  const {app, server} = createApp(context, infer, tls)
  addRoutes(app, context, infer)
  const sockets = addWebSocket(server, context)
  await app.ready()
  closers.push(async () => {
    await sockets.close(0)
    await closeServer(server, 0)
    await app.close()
  })
  const url = await listenFor(server, options)
  const grpc = await grpcFor(options, context, tls)
  if (grpc) closers.push(async () => grpc.close(0))
  await service.prepare(options.load)
  monitor.start()
  return {
    url,
    socket: options.socket,
    grpc: grpc && `${urlHost(options.host)}:${grpc.port}`,
    models: folder,
    needsToken: token !== null,
    freshToken: token?.fresh ?? null,
    metrics,
    async stop() {
      service.drain()
      monitor[Symbol.dispose]()
      const {drainMs} = options
      await Promise.all([closeServer(server, drainMs), grpc?.close(drainMs), sockets.close(drainMs)])
      await app.close()
      await parts.engine.shutdown({drainMs: 0})
    },
  }
}

/** What every door of the server leads to: one engine, under observation, behind one check of who may come in. */
function contextFor(
  options: ServeOptions,
  {engine, log, models, paths, readNodes, version}: ServerParts,
  {folder, token}: {readonly folder: string; readonly token: TokenChoice | null},
): HttpContext {
  const {control, limits} = options
  const activity = new Activity()
  const metrics = new ServerMetrics()
  const npu = new NpuTelemetry(new LiveRoot())
  const service = new InferenceService({
    control,
    engine: new ObservedEngine(engine, activity),
    limits,
    registry: new ModelRegistry(engine, models ?? new ModelFolder(folder, paths.models)),
    version,
  })
  return {
    access: accessFor(options, token),
    activity,
    budget: new ByteBudget(limits.heldBytes),
    limits,
    log,
    metrics,
    monitor: new Monitor({activity, metrics, readNodes, readTelemetry: () => npu.read(), service}),
    offersPage: options.dashboard,
    service,
  }
}

/** Takes no more connections, and gives those that are there `drainMs` to end what they are at. */
async function closeServer(server: HttpServer, drainMs: number): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => {
      server.closeAllConnections()
    }, drainMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}

async function grpcFor(
  {grpcPort: port, host}: ServeOptions,
  context: HttpContext,
  tls: TlsFiles | null,
): Promise<GrpcServer | null> {
  if (port === null) return null
  const {startGrpc} = await import('./grpc/server.ts')
  return startGrpc(context, {host, port, tls})
}

async function listenFor(server: HttpServer, {host, port, socket, tls}: ServeOptions): Promise<string> {
  const scheme = tls ? 'https' : 'http'
  if (socket === null) return `${scheme}://${urlHost(host)}:${await listenOnPort(server, host, port)}`
  await listenOnSocket(server, socket)
  return `${scheme}+unix://${encodeURIComponent(path.resolve(socket))}`
}

/** Null where clients need none: on the loopback interface and on a Unix socket, which only this user may open. */
async function tokenFor(options: ServeOptions, parts: ServerParts): Promise<TokenChoice | null> {
  const isLocal = options.socket !== null || isLoopback(options.host)
  if (isLocal && !options.token) return null
  const {givenToken: given, paths, renewToken: renew = false} = parts
  if (given !== undefined && given.length < SHORTEST_TOKEN) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `NPUBRIDGE_TOKEN has ${given.length} characters`, {
      suggestions: [`a token has ${SHORTEST_TOKEN} or more that nobody can guess: openssl rand -base64 32`],
    })
  }

  return chooseToken({folder: paths.servers, given, renew})
}

const SHORTEST_TOKEN = 16

function accessFor(options: ServeOptions, token: TokenChoice | null): Access {
  return new Access({
    checkHost: token === null && options.socket === null,
    hosts: [options.host, ...options.allowedHosts],
    origins: options.allowedOrigins,
    rate: options.rateLimit > 0 ? new RateLimit(options.rateLimit) : null,
    tokenHash: token?.hash ?? null,
  })
}
