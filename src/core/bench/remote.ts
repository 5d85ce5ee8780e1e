/** The accelerated side in a process of its own, from this build of npubridge or from another one. */
import {type ChildProcess, fork} from 'node:child_process'
import {stat} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'

import type {Effort} from './effort.ts'
import type {EngineSelection} from './open-engine.ts'
import type {Round, Side} from './suites/suite.ts'

import {type ErrorReport, NpuBridgeError} from '../errors.ts'

/** Raised when requests or answers change their meaning. */
export const PROTOCOL = 2

export interface WorkerSettings {
  readonly effort: Effort
  readonly model: string | null
  readonly selection: EngineSelection
}

export type Request = {readonly id: number} & (
  | {readonly index: number; readonly share: number; readonly suite: string; readonly type: 'measure'}
  | {readonly index: number; readonly suite: string; readonly type: 'prepare'}
  | {readonly settings: WorkerSettings; readonly type: 'open'}
  | {readonly type: 'close'}
)

export interface Response {
  readonly id: number
  readonly value: Round | {readonly protocol: number; readonly suites: readonly string[]} | null
  readonly error?: ErrorReport
}

type RequestBody = Request extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never

/** What any answer may take: a model that is compiled for the first time takes long. */
const LIMIT_MS = 120_000
const GOODBYE_MS = 3000

/** The program of the build in `folder`; of this one when undefined. */
export async function workerProgram(folder?: string): Promise<string> {
  const here = fileURLToPath(import.meta.url)
  if (folder === undefined) return path.join(path.dirname(here), `worker${path.extname(here)}`)
  const program = path.resolve(folder, 'dist/core/bench/worker.js')
  const stats = await stat(program).catch(() => null)
  if (stats?.isFile()) return program
  throw new NpuBridgeError('INVALID_ARGUMENT', `there is no build of npubridge in ${folder}: ${program} is missing`, {
    suggestions: [`Build it there: npm --prefix ${folder} run build`],
  })
}

export class RemoteSide implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #pending = new Map<number, PromiseWithResolvers<Response['value']>>()
  #requests = 0

  /** Starts the program; it answers once it is there. */
  static async open(program: string, settings: WorkerSettings): Promise<RemoteSide> {
    const side = new RemoteSide(program)
    try {
      const greeting = (await side.#ask({type: 'open', settings})) as {protocol?: number} | null
      if (greeting?.protocol === PROTOCOL) return side
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${program} is of a version that this one cannot work with`)
    } catch (error) {
      await side[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(program: string) {
    this.#name = program
    this.#child = fork(program, [], {stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: []})
    this.#child.on('message', (response: Response) => {
      this.#settle(response)
    })
    this.#child.once('exit', (code, signal) => {
      const end = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
      this.#failAll(new NpuBridgeError('INTERNAL', `the process of ${program} ${end}`))
    })
    this.#child.once('error', (cause) => {
      this.#failAll(new NpuBridgeError('INTERNAL', `${program} cannot be started: ${cause.message}`, {cause}))
    })
  }

  /** The side of case number `index` of `suite`. */
  side(suite: string, index: number): Side {
    return {
      prepare: async () => {
        await this.#ask({type: 'prepare', suite, index})
      },
      measure: async (share = 1) => (await this.#ask({type: 'measure', suite, index, share})) as Round,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => {
        resolve()
      })
    })
    await Promise.race([this.#ask({type: 'close'}).catch(() => null), setTimeout(GOODBYE_MS, null, {ref: false})])
    this.#child.kill('SIGKILL')
    await ended
  }

  async #ask(body: RequestBody): Promise<Response['value']> {
    const id = this.#requests++
    const pending = Promise.withResolvers<Response['value']>()
    this.#pending.set(id, pending)
    const timer = globalThis.setTimeout(() => {
      this.#pending.delete(id)
      pending.reject(new NpuBridgeError('DEADLINE_EXCEEDED', `${this.#name} gave no answer within ${LIMIT_MS} ms`))
    }, LIMIT_MS)
    this.#child.send({...body, id}, (error) => {
      if (error) pending.reject(new NpuBridgeError('INTERNAL', `${this.#name} takes no requests: ${error.message}`))
    })
    return pending.promise.finally(() => {
      clearTimeout(timer)
    })
  }

  #settle({error, id, value}: Response): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error) pending?.reject(new NpuBridgeError(error.code, error.message, {suggestions: error.suggestions}))
    else pending?.resolve(value)
  }

  #failAll(error: NpuBridgeError): void {
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }
}
