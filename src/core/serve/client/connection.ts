/** A server elsewhere in place of an engine here: operations go over one WebSocket, tensors as bytes. */
import {type Buffer} from 'node:buffer'
import {WebSocket} from 'ws'
import {z} from 'zod'

import type {Engine, Operation, OperationResult, OutputTensor, SubmitOptions} from '../../engine/engine.ts'

import {exactText} from '../../engine/native/exact-json.ts'
import {ERROR_CODES, NpuBridgeError} from '../../errors.ts'
import {parseJsonExactly} from '../../run/json.ts'
import {BinaryFrame, describeTensors, encodeFrame} from '../websocket/binary-frame.ts'

const CONNECT_MS = 10_000
const MOST_ELEMENTS = 2 ** 31 - 1

const fallbackSchema = z.object({from: z.string(), reason: z.string(), to: z.string()})
const answerSchema = z.discriminatedUnion('ok', [
  z.looseObject({
    id: z.int(),
    ok: z.literal(true),
    outputs: z.record(z.string(), z.looseObject({})).optional(),
    data: z.unknown().optional(),
    device: z.string().nullable(),
    engine: z.enum(['legacy', 'native', 'openvino-node']),
    fallback: fallbackSchema.nullable(),
    queue_us: z.number(),
    compute_us: z.number(),
    total_us: z.number(),
  }),
  z.looseObject({
    id: z.int(),
    ok: z.literal(false),
    error: z.object({code: z.enum(ERROR_CODES), message: z.string(), suggestions: z.array(z.string())}),
  }),
])

interface Waiter {
  readonly operation: Operation
  readonly resolve: (result: OperationResult) => void
  readonly reject: (error: NpuBridgeError) => void
}

/**
 * Connects to the server at `url`: `http://HOST:PORT`, `https://…`, or `http+unix://` with the path of a socket.
 *
 * @param options.token what the server asks clients for
 * @throws {NpuBridgeError} INVALID_ARGUMENT for what is no such URL, PROTOCOL_ERROR where nobody answers or refuses
 */
export async function connectTo(url: string, {token}: {token?: string | undefined} = {}): Promise<ServerConnection> {
  const socket = new WebSocket(socketUrl(url), {
    handshakeTimeout: CONNECT_MS,
    maxPayload: 0,
    perMessageDeflate: false,
    ...(token && {headers: {authorization: `Bearer ${token}`}}),
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', (cause) => {
      reject(connectError(url, cause.message || (cause as NodeJS.ErrnoException).code || 'nobody listens there', cause))
    })
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        reject(connectError(url, refusalIn(text) ?? `it answered ${response.statusCode}`))
      })
    })
  })
  return new ServerConnection(url, socket)
}

function socketUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') {
    return `${parsed.protocol.replace('http', 'ws')}//${parsed.host}/ws`
  }

  if (parsed?.protocol === 'http+unix:') {
    return `ws+unix://${decodeURIComponent(parsed.host === '' ? parsed.pathname : parsed.host)}:/ws`
  }

  throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(url)} is not the URL of a server`, {
    suggestions: ['http://127.0.0.1:8000', 'npubridge serve status    shows those that run here'],
  })
}

function refusalIn(text: string): string | undefined {
  try {
    const {error} = JSON.parse(text) as {error?: unknown}
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

function connectError(url: string, why: string, cause?: Error): NpuBridgeError {
  return new NpuBridgeError('PROTOCOL_ERROR', `the server at ${url} cannot be used: ${why}`, {
    cause,
    suggestions: ['npubridge serve status    shows the servers that run here', 'a token is taken from NPUBRIDGE_TOKEN'],
  })
}

export class ServerConnection implements AsyncDisposable, Pick<Engine, 'submit'> {
  readonly #url: string
  readonly #socket: WebSocket
  readonly #waiters = new Map<number, Waiter>()
  #submitted = 0

  constructor(url: string, socket: WebSocket) {
    this.#url = url
    this.#socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#onMessage(data, isBinary)
    })
    socket.on('error', () => {
      // The close that follows says it to everybody who waits.
    })
    socket.on('close', () => {
      for (const {reject} of this.#waiters.values()) reject(this.#lost())
      this.#waiters.clear()
    })
  }

  /** As an engine here does; a signal ends the waiting, and closing the connection what the server is at. */
  async submit(operation: Operation, options: SubmitOptions = {}): Promise<OperationResult> {
    const {signal} = options
    if (signal?.aborted) throw new NpuBridgeError('CANCELLED', 'the operation was cancelled before it was submitted')
    if (this.#socket.readyState !== WebSocket.OPEN) throw this.#lost()
    const id = ++this.#submitted
    const answered = new Promise<OperationResult>((resolve, reject) => {
      this.#waiters.set(id, {operation, reject, resolve})
    })
    const cancel = () => {
      this.#waiters.get(id)?.reject(new NpuBridgeError('CANCELLED', 'the operation was cancelled'))
      this.#waiters.delete(id)
    }

    signal?.addEventListener('abort', cancel, {once: true})
    try {
      this.#socket.send(messageOf(id, operation, options))
      return await answered
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => {
        resolve()
      })
      this.#socket.close()
    })
  }

  #lost(): NpuBridgeError {
    return new NpuBridgeError('PROTOCOL_ERROR', `the server at ${this.#url} hung up`)
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    try {
      const frame = isBinary ? new BinaryFrame(data, MOST_ELEMENTS) : undefined
      const text = (frame?.json ?? data).toString('utf8')
      const answer = answerSchema.parse(parseJsonExactly(text))
      const waiter = this.#waiters.get(answer.id)
      this.#waiters.delete(answer.id)
      if (!waiter) return
      if (answer.ok) waiter.resolve(resultOf(waiter.operation, answer, frame))
      else {
        const {code, message, suggestions} = answer.error
        waiter.reject(new NpuBridgeError(code, message, {suggestions}))
      }
    } catch {
      // Who answers like that is no server of ours.
      this.#socket.terminate()
    }
  }
}

function resultOf(
  {type}: Operation,
  answer: Extract<z.infer<typeof answerSchema>, {ok: true}>,
  frame: BinaryFrame | undefined,
): OperationResult {
  const {compute_us: computeUs, data, device, engine, fallback, queue_us: queueUs, total_us: totalUs} = answer
  const outputs = Object.entries(answer.outputs ?? {}).map(
    ([name, tensor]) => [name, frame?.read(tensor, `outputs.${name}`) as OutputTensor] as const,
  )
  return {
    type,
    ...(answer.outputs && {outputs: Object.fromEntries(outputs)}),
    ...(data !== undefined && {data}),
    device,
    engine,
    fallback,
    queueUs,
    computeUs,
    totalUs,
  }
}

/** Operations without tensors go as text, as they would stand in a line. */
function messageOf(id: number, operation: Operation, {priority, timeoutMs}: SubmitOptions): Buffer | string {
  const common = {
    id,
    type: operation.type,
    ...(priority !== undefined && {priority}),
    ...(timeoutMs !== undefined && {timeout_ms: timeoutMs}),
  }
  if (operation.type === 'signal') {
    const {bytes, described} = describeTensors({...operation.inputs, data: operation.data})
    const {data, ...inputs} = described as {data: unknown}
    return encodeFrame({...common, ...fieldsOf(operation), data, inputs}, bytes)
  }

  if (!('inputs' in operation)) return exactText({...common, ...fieldsOf(operation)})
  const {bytes, described} = describeTensors({...operation.inputs})
  return encodeFrame({...common, ...fieldsOf(operation), inputs: described}, bytes)
}

/** The fields of a line that an operation has besides its tensors; what is undefined is left out of JSON. */
function fieldsOf(operation: Operation): object {
  switch (operation.type) {
    case 'inference': {
      return {model: operation.model, stream: operation.stream, end_of_stream: operation.endOfStream}
    }

    case 'load_model': {
      return {model: operation.model, shapes: operation.shapes}
    }

    case 'unload_model': {
      return {model: operation.model}
    }

    case 'echo': {
      return {data: operation.data}
    }

    case 'benchmark': {
      return {kind: operation.kind, duration_ms: operation.durationMs, model: operation.model}
    }

    case 'route': {
      const {topK, type: _type, ...fields} = operation
      return {...fields, top_k: topK}
    }

    case 'signal': {
      const {
        backend,
        complex,
        device,
        endOfStream,
        operation: family,
        parameters,
        steps,
        stream,
        timeLimitMs,
      } = operation
      const where = {backend, device, time_limit_ms: timeLimitMs}
      return {operation: family, parameters, steps, complex, ...where, stream, end_of_stream: endOfStream}
    }

    case 'embed': {
      return {texts: operation.texts, model: operation.model}
    }

    case 'workflow': {
      return {tasks: operation.tasks, agents: operation.agents, max_parallel: operation.maxParallel}
    }

    case 'health_check':
    case 'initialize':
    case 'matrix_multiply':
    case 'statistics': {
      return {}
    }
  }
}
