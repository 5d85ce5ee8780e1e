/** One WebSocket: messages in, answers out as they come, neither faster than the other side takes them. */
import type {Buffer} from 'node:buffer'
import type {WebSocket} from 'ws'

import type {HttpContext} from '../http/context.ts'

import {releaseOutputs} from '../../engine/release.ts'
import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {ByteWriter} from '../../run/byte-writer.ts'
import {chooseOutputs} from '../../run/choose-outputs.ts'
import {type OperationId} from '../../run/envelope.ts'
import {type Reading, readRequest, type Request} from '../../run/request.ts'
import {appendSuccess} from '../../run/result-json.ts'
import {toldError} from '../service/refusal.ts'
import {BinaryFrame, encodeResult} from './binary-frame.ts'
import {MetricsSubscription, subscriptionIn} from './metrics-subscription.ts'
import {type OperationContext, runOperation, translateMessage} from './operations.ts'

const ANSWER_BYTES = 1024
const NEWLINE = 1

export class WebSocketSession {
  readonly #socket: WebSocket
  readonly #context: HttpContext
  readonly #client: string
  readonly #operations: OperationContext
  readonly #gone = new AbortController()
  readonly #subscription: MetricsSubscription
  #messages = 0
  #underWay = 0
  /** Bytes that were given to the socket and not taken by the network yet. */
  #waiting = 0
  #pausedAt: number | undefined
  #onIdle: (() => void) | undefined

  /** The `name` is unlike those of all other sessions. */
  constructor(socket: WebSocket, context: HttpContext, {client, name}: {client: string; name: string}) {
    this.#socket = socket
    this.#context = context
    this.#client = client
    this.#operations = {client: name, limits: context.limits, service: context.service}
    this.#subscription = new MetricsSubscription(context.monitor, (makeText) => {
      // Figures that nobody has time for are of no use later.
      if (this.#waiting === 0) this.#send(makeText())
    })
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#onMessage(data, isBinary)
    })
    socket.on('close', () => {
      this.#subscription.stop()
      this.#gone.abort(new NpuBridgeError('CANCELLED', 'the client went away'))
    })
  }

  /** For how long nothing was read, because the client does not take its answers; 0 while it does. */
  pausedMs(now: number): number {
    return this.#pausedAt === undefined ? 0 : now - this.#pausedAt
  }

  /** Resolves when every operation has been answered. */
  async idle(): Promise<void> {
    this.#subscription.stop()
    if (this.#underWay === 0) return
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    const number = ++this.#messages
    this.#context.metrics.receivedBytes += data.length
    this.#begin(data.length)
    void this.#answer(data, isBinary, number).finally(() => {
      this.#end(data.length)
    })
  }

  async #answer(data: Buffer, isBinary: boolean, number: number): Promise<void> {
    let id: OperationId = number
    let where: string | undefined
    try {
      this.#context.access.checkRate(this.#client)
      this.#context.budget.take(data.length)
    } catch (error) {
      this.#fail(id, error)
      return
    }

    try {
      const subscription = isBinary ? undefined : subscriptionIn(data)
      if (subscription) {
        this.#send(this.#subscription.handle(subscription, number))
        return
      }

      const reading = await this.#read(data, isBinary, number)
      id = reading.id
      if ('error' in reading) throw reading.error
      where = placeOf(reading)
      await this.#run(reading, isBinary)
    } catch (error) {
      this.#fail(id, error, where)
    } finally {
      this.#context.budget.give(data.length)
    }
  }

  #read(data: Buffer, isBinary: boolean, number: number): Promise<Reading> | Reading {
    // Where a message gives a path, which it may not, it is said of the path as it stands there.
    const options = {folder: '/', translate: translateMessage}
    const {limits} = this.#context
    if (!isBinary) {
      checkLength(data.length, limits.jsonBytes)
      return readRequest(data, number, options)
    }

    const frame = new BinaryFrame(data, limits.tensorElements)
    checkLength(frame.json.length, limits.jsonBytes)
    const translate = (value: unknown) => {
      frame.rewind()
      return translateMessage(value)
    }

    const reading = readRequest(frame.json, number, {...options, binary: frame.read, translate})
    if (reading instanceof Promise || 'error' in reading || frame.rest === 0) return reading
    const error = new NpuBridgeError(
      'PROTOCOL_ERROR',
      `${frame.rest} bytes at the end of the frame belong to no tensor`,
    )
    return {error, id: reading.id}
  }

  async #run({id, operation, options, outputs}: Request, isBinary: boolean): Promise<void> {
    const submitted = await runOperation(operation, {...options, signal: this.#gone.signal}, this.#operations)
    const result = outputs ? chooseOutputs(submitted, outputs) : submitted
    if (isBinary) this.#send(encodeResult(id, result))
    else {
      const writer = new ByteWriter(ANSWER_BYTES)
      appendSuccess(writer, {id, result}, 'error')
      releaseOutputs(submitted)
      this.#send(writer.bytes.toString('utf8', 0, writer.length - NEWLINE))
    }

    this.#context.metrics.answered('websocket', 'ok')
  }

  #fail(id: OperationId, thrown: unknown, where = 'WebSocket'): void {
    const error = toldError(thrown)
    this.#context.activity.told(error, where)
    if (error.code === 'INTERNAL') this.#context.log.failure('message failed', thrown)
    this.#context.metrics.answered('websocket', error.code)
    const {code, message, suggestions} = error
    this.#send(
      JSON.stringify({id: typeof id === 'bigint' ? String(id) : id, ok: false, error: {code, message, suggestions}}),
    )
  }

  #send(data: Buffer | string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    const bytes = data.length
    this.#waiting += bytes
    this.#context.metrics.sentBytes += bytes
    this.#socket.send(data, (error) => {
      this.#waiting -= bytes
      if (error) this.#context.log.debug('an answer was not sent', {cause: asNpuBridgeError(error).message})
      this.#balance()
    })
    this.#balance()
  }

  #begin(bytes: number): void {
    this.#underWay++
    this.#context.metrics.inFlight++
    if (bytes > 0) this.#balance()
  }

  #end(bytes: number): void {
    this.#underWay--
    this.#context.metrics.inFlight--
    if (bytes > 0) this.#balance()
    if (this.#underWay === 0) this.#onIdle?.()
  }

  /** Reads no further while there is too much to do, or answers that the client does not take. */
  #balance(): void {
    const {socketBytes, socketOperations} = this.#context.limits
    const isTooMuch = this.#underWay >= socketOperations || this.#waiting >= socketBytes
    if (isTooMuch && this.#pausedAt === undefined) {
      this.#pausedAt = performance.now()
      this.#socket.pause()
    } else if (!isTooMuch && this.#pausedAt !== undefined) {
      this.#pausedAt = undefined
      this.#socket.resume()
    }
  }
}

function placeOf({operation}: Request): string {
  return `WebSocket ${operation.type}${'model' in operation ? ` ${operation.model}` : ''}`
}

function checkLength(bytes: number, most: number): void {
  if (bytes <= most) return
  throw new NpuBridgeError('RESOURCE_EXHAUSTED', `the JSON of the message has ${bytes} bytes, at most ${most}`, {
    suggestions: ['send tensors in a binary frame'],
  })
}
