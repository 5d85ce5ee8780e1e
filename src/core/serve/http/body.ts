/** Reads request bodies: no further than allowed, and counted against what all of them may hold together. */
import type {IncomingMessage} from 'node:http'
import type {Socket} from 'node:net'

import {Buffer} from 'node:buffer'
import {promisify} from 'node:util'
import {brotliDecompress, gunzip, inflate} from 'node:zlib'

import type {Body} from './infer-decode.ts'

import {NpuBridgeError} from '../../errors.ts'
import {Refusal, TOO_LARGE} from '../service/refusal.ts'

/** Bytes that requests hold from their first byte to their answer. */
export class ByteBudget {
  readonly limit: number
  #used = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** @throws {NpuBridgeError} RESOURCE_EXHAUSTED where nothing is left */
  take(bytes: number): void {
    if (this.#used + bytes > this.limit) {
      throw new NpuBridgeError(
        'RESOURCE_EXHAUSTED',
        'the requests under way hold all the memory that requests may hold',
      )
    }

    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}

const HELD = Symbol('bytes that a request holds')
type Holder = IncomingMessage & {[HELD]?: number}

export interface BodyLimits {
  readonly bodyBytes: number
  readonly budget: ByteBudget
}

/** Element sizes divide this, so that tensors which begin at a multiple of it can be used in place. */
const ALIGNMENT = 8

const NOTHING: Body = {bytes: Buffer.alloc(0), owned: false}

/** The length of the JSON part; undefined where it is the whole body. @throws {NpuBridgeError} PROTOCOL_ERROR */
export function jsonLengthOf({headers}: {headers: IncomingMessage['headers']}): number | undefined {
  const given = headers['inference-header-content-length']
  if (given === undefined) return undefined
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given)
  throw new NpuBridgeError(
    'PROTOCOL_ERROR',
    `Inference-Header-Content-Length is ${JSON.stringify(given)}, not a length`,
  )
}

/**
 * Reads a body, decompressed, with the byte at `jsonLength` aligned for tensors. Exactly one call of `done`.
 */
export function readBody(
  stream: IncomingMessage,
  jsonLength: number | undefined,
  limits: BodyLimits,
  done: (error: Error | null, body?: Body) => void,
): void {
  const {headers} = stream
  const declared = headers['content-length']
  // Refused by what it says, before a byte of it is read.
  if (declared !== undefined && Number(declared) > limits.bodyBytes) {
    done(tooLarge(Number(declared), limits.bodyBytes))
    return
  }

  const chunks: Buffer[] = []
  let length = 0
  let isOver = false
  // The listeners stay: to take them off costs more than a second reason to end, which is none of anybody's business.
  const finish = (error: Error | null) => {
    if (isOver) return
    isOver = true
    if (error) {
      done(error)
      return
    }

    const encoding = headers['content-encoding']
    if (encoding === undefined || encoding === 'identity') done(null, assemble(chunks, length, jsonLength))
    else void decompress(Buffer.concat(chunks), encoding, {stream, jsonLength, limits}, done)
  }

  const onData = (chunk: Buffer) => {
    if (isOver) return
    length += chunk.length
    try {
      if (length > limits.bodyBytes) throw tooLarge(length, limits.bodyBytes)
      hold(stream, chunk.length, limits.budget)
      chunks.push(chunk)
    } catch (error) {
      stream.pause()
      finish(error as Error)
    }
  }

  const onEnd = () => {
    finish(null)
  }

  const onClose = () => {
    // An error takes its time to be made, and every request ends with a close.
    if (!isOver) finish(new NpuBridgeError('CANCELLED', 'the client went away before its request was complete'))
  }

  // No listener for errors: without one a request just closes, as it does after any.
  stream.on('data', onData).on('end', onEnd).on('close', onClose)
}

/** Gives back what a request held, when it has been answered. */
export function release(request: Holder, budget: ByteBudget): void {
  budget.give(request[HELD] ?? 0)
  request[HELD] = 0
}

function hold(request: Holder, bytes: number, budget: ByteBudget): void {
  budget.take(bytes)
  request[HELD] = (request[HELD] ?? 0) + bytes
}

function tooLarge(bytes: number, most: number): Refusal {
  return new Refusal(TOO_LARGE, 'RESOURCE_EXHAUSTED', `the body has ${bytes} bytes or more, at most ${most} are taken`)
}

/** Bodies up to this many bytes share memory with others: to get memory of one's own takes as long as to read a body. */
const SHARED_BYTES = 2048

/** The chunks in one piece of memory, placed so that the byte at `jsonLength` is aligned. */
function assemble(chunks: readonly Buffer[], length: number, jsonLength = 0): Body {
  if (length === 0) return NOTHING
  const before = (ALIGNMENT - (jsonLength % ALIGNMENT)) % ALIGNMENT
  const owned = length > SHARED_BYTES
  const memory = owned ? Buffer.allocUnsafeSlow(before + length) : Buffer.allocUnsafe(before + length)
  let at = before
  for (const chunk of chunks) {
    memory.set(chunk, at)
    at += chunk.length
  }

  return {bytes: memory.subarray(before), owned}
}

type Decompress = (bytes: Buffer, options: {maxOutputLength: number}) => Promise<Buffer>
const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  br: promisify(brotliDecompress),
  deflate: promisify(inflate),
  gzip: promisify(gunzip),
}

async function decompress(
  bytes: Buffer,
  encoding: string,
  {jsonLength, limits, stream}: {jsonLength: number | undefined; limits: BodyLimits; stream: IncomingMessage},
  done: (error: Error | null, body?: Body) => void,
): Promise<void> {
  try {
    const work = DECOMPRESS[encoding.toLowerCase()]
    if (!work) {
      throw new Refusal(
        {http: 415, grpc: 12},
        'UNSUPPORTED_OPERATION',
        `Content-Encoding ${encoding} is not known here`,
        {
          suggestions: [`one of ${Object.keys(DECOMPRESS).join(', ')}`],
        },
      )
    }

    const plain = await work(bytes, {maxOutputLength: limits.bodyBytes})
    hold(stream, plain.length, limits.budget)
    done(null, assemble([plain], plain.length, jsonLength))
  } catch (error) {
    done(bodyError(error, encoding, limits.bodyBytes))
  }
}

function bodyError(error: unknown, encoding: string, most: number): Error {
  if (error instanceof NpuBridgeError) return error
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(most, most)
  return new NpuBridgeError('PROTOCOL_ERROR', `the body is not ${encoding}`, {cause: error})
}

const SIGNALS = new WeakMap<Socket, AbortSignal>()

/** Aborted when the connection is gone: whoever asked is not there to be answered any more. */
export function disconnectSignal(socket: Socket): AbortSignal {
  const known = SIGNALS.get(socket)
  if (known) return known
  const controller = new AbortController()
  socket.once('close', () => {
    controller.abort(new NpuBridgeError('CANCELLED', 'the client went away'))
  })
  SIGNALS.set(socket, controller.signal)
  return controller.signal
}
