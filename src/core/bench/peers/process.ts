/**
 * A program that runs inferences for a comparison. It is asked and answers in JSON, a line each: first the model, then
 * as many runs as are wanted. Other lines are talk of the libraries that it loads.
 */
import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process'
import {createInterface} from 'node:readline'
import {quantile} from 'simple-statistics'
import {z} from 'zod'

import type {PeerFigures, PeerRequest, PeerRun, PeerSession} from './peer.ts'

import {ERROR_CODES, NpuBridgeError} from '../../errors.ts'
import {cancelled} from '../../process/run.ts'

const OPEN_LIMIT_MS = 60_000
const PATIENCE_MS = 20_000
const US_PER_S = 1e6

const answerSchema = z.union([
  z.object({about: z.string()}),
  z.object({latencies_us: z.array(z.number()).min(1), elapsed_us: z.number().positive()}),
  z.object({error: z.object({code: z.enum(ERROR_CODES), message: z.string()})}),
])
type Answer = z.infer<typeof answerSchema>

export class PeerProcess implements PeerSession {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #command: string
  readonly #signal: AbortSignal
  #waiting: PromiseWithResolvers<Answer> | undefined
  #lastWords = ''
  about = ''

  /** Starts `command` and has it load the model. */
  static async start(
    command: string,
    args: readonly string[],
    request: PeerRequest,
    signal: AbortSignal,
  ): Promise<PeerProcess> {
    const peer = new PeerProcess(command, args, signal)
    try {
      const answer = await peer.#ask(request, OPEN_LIMIT_MS)
      if ('about' in answer) peer.about = answer.about
      return peer
    } catch (error) {
      await peer[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(command: string, args: readonly string[], signal: AbortSignal) {
    this.#command = [command, ...args].join(' ')
    this.#signal = signal
    this.#child = spawn(command, args, {stdio: 'pipe'})
    // What cannot be written has its reason in how the process ended.
    this.#child.stdin.on('error', () => {})
    createInterface({input: this.#child.stdout}).on('line', (line) => {
      this.#settle(line)
    })
    createInterface({input: this.#child.stderr}).on('line', (line) => {
      this.#lastWords = line
    })
    this.#child.once('error', ({message}) => {
      this.#fail(new NpuBridgeError('UNSUPPORTED_OPERATION', `${command} cannot be started: ${message}`))
    })
    this.#child.once('close', (code, killer) => {
      const end = killer === null ? `ended with exit code ${code}` : `was ended by ${killer}`
      const said = this.#lastWords === '' ? '' : `; it said last: ${this.#lastWords}`
      this.#fail(new NpuBridgeError('INTERNAL', `${this.#command} ${end}${said}`))
    })
  }

  async run({durationMs, window}: PeerRun): Promise<PeerFigures> {
    const answer = await this.#ask({duration_ms: durationMs, window}, durationMs + PATIENCE_MS)
    if (!('latencies_us' in answer)) throw new NpuBridgeError('INTERNAL', `${this.#command} gave no latencies`)
    const {elapsed_us: elapsedUs, latencies_us: latenciesUs} = answer
    return {
      perSecond: (latenciesUs.length * US_PER_S) / elapsedUs,
      p50Us: quantile(latenciesUs, 0.5),
      p99Us: quantile(latenciesUs, 0.99),
      latenciesUs,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return
    const {promise, resolve} = Promise.withResolvers<void>()
    this.#child.once('close', () => {
      resolve()
    })
    this.#child.kill('SIGKILL')
    await promise
  }

  async #ask(body: unknown, limitMs: number): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>()
    this.#waiting = waiting
    const timer = setTimeout(() => {
      this.#fail(new NpuBridgeError('DEADLINE_EXCEEDED', `${this.#command} gave no answer within ${limitMs} ms`))
    }, limitMs)
    const onAbort = () => {
      this.#fail(cancelled(this.#signal))
    }

    this.#signal.addEventListener('abort', onAbort, {once: true})
    if (this.#child.exitCode === null && this.#child.stdin.writable) {
      this.#child.stdin.write(`${JSON.stringify(body)}\n`)
    } else {
      this.#fail(new NpuBridgeError('INTERNAL', `${this.#command} is gone`))
    }

    return waiting.promise.finally(() => {
      clearTimeout(timer)
      this.#signal.removeEventListener('abort', onAbort)
    })
  }

  #settle(line: string): void {
    const answer = answerSchema.safeParse(parse(line))
    if (!answer.success) return
    if ('error' in answer.data) this.#fail(new NpuBridgeError(answer.data.error.code, answer.data.error.message))
    else this.#waiting?.resolve(answer.data)
  }

  #fail(error: NpuBridgeError): void {
    this.#waiting?.reject(error)
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
