/** A server in this process, and requests that no well-behaved client would make. */
import {once} from 'node:events'
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions} from 'node:http'
import {connect, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {PassThrough} from 'node:stream'

import type {Engine} from '../../../src/core/engine/engine.ts'
import type {Paths} from '../../../src/core/paths.ts'

import {parseServeOptions, type ServeOptionsInput} from '../../../src/core/serve/options.ts'
import {createServeLog} from '../../../src/core/serve/serve-log.ts'
import {type RunningServer, type ServerParts, startServer} from '../../../src/core/serve/serve.ts'
import {FakeEngine} from './fake-engine.ts'

export interface TestServer<E extends Engine = FakeEngine> extends AsyncDisposable {
  readonly engine: E
  readonly running: RunningServer
  readonly port: number
  readonly folder: string
  readonly paths: Paths
  /** Lines of the log. */
  readonly log: () => string
}

/** A server over a fake engine with the models `net` and `other`, on a free port. */
export async function testServer(
  options: ServeOptionsInput = {},
  parts: Partial<ServerParts> = {},
): Promise<TestServer> {
  return serverOver(new FakeEngine(), options, parts)
}

export async function serverOver<E extends Engine>(
  engine: E,
  options: ServeOptionsInput = {},
  parts: Partial<ServerParts> = {},
): Promise<TestServer<E>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'npubridge-serve-'))
  const paths = pathsIn(folder)
  await mkdir(paths.models)
  for (const name of ['net', 'other']) await writeFile(path.join(paths.models, `${name}.onnx`), 'model')
  const lines = new PassThrough()
  let text = ''
  lines.on('data', (part: Buffer) => {
    text += part.toString()
  })
  const running = await startServer(parseServeOptions({port: 0, grpcPort: null, ...options}), {
    engine,
    log: createServeLog('debug', lines),
    paths,
    version: '1.2.3',
    ...parts,
  }).catch(async (error: unknown) => {
    await rm(folder, {force: true, recursive: true})
    throw error
  })
  return {
    engine,
    running,
    port: running.socket === null ? Number(new URL(running.url).port) : 0,
    folder,
    paths,
    log: () => text,
    async [Symbol.asyncDispose]() {
      await running.stop()
      await rm(folder, {force: true, recursive: true})
    },
  }
}

export function pathsIn(folder: string): Paths {
  const of = (name: string) => path.join(folder, name)
  return {cache: of('cache'), models: of('models'), runtimes: of('runtimes'), servers: of('servers')}
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** Of a JSON body. */
  readonly json: Record<string, unknown>
}

/** One request; unlike `fetch`, any header may be sent. */
export async function ask(
  {port}: {readonly port: number},
  url: string,
  {body, ...options}: RequestOptions & {body?: Buffer | object | string} = {},
): Promise<Answer> {
  const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const method = options.method ?? (bytes === undefined ? 'GET' : 'POST')
  const request = httpRequest({agent: false, host: '127.0.0.1', path: url, port, ...options, method})
  request.end(bytes)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const all = Buffer.concat(chunks)
  return {
    status: response.statusCode!,
    headers: response.headers,
    bytes: all,
    get json() {
      return JSON.parse(all.toString()) as Record<string, unknown>
    },
  }
}

/** A connection that says what it is told; `received` is everything that came back. */
export async function rawConnection({port}: {readonly port: number}): Promise<{
  socket: Socket
  received: () => string
  closed: Promise<void>
}> {
  const socket = connect({allowHalfOpen: true, host: '127.0.0.1', port})
  let text = ''
  socket.on('data', (part) => {
    text += part.toString('latin1')
  })
  socket.on('error', () => {
    // Being hung up on is what some tests are about.
  })
  const closed = new Promise<void>((resolve) => {
    socket.once('end', resolve)
    socket.once('close', () => {
      resolve()
    })
  })
  await once(socket, 'connect')
  return {closed, received: () => text, socket}
}

/** A request for the model `net` with two rows. */
export function inferBody(extra: object = {}): object {
  return {inputs: [{name: 'input', datatype: 'FP32', shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8]}], ...extra}
}

/** JSON with bytes behind it, and the header that tells them apart. */
export function binaryBody(json: object | string, bytes: Uint8Array): {body: Buffer; headers: Record<string, string>} {
  const head = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
  return {
    body: Buffer.concat([head, bytes]),
    headers: {'inference-header-content-length': String(head.length)},
  }
}

/** Waits until something is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`it did not come to this: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
}
