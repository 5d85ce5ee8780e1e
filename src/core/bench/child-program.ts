/** A program in a process of its own that answers requests for as long as it is wanted, by messages of Node.js. */
import {type ChildProcess, fork} from 'node:child_process'
import {setTimeout} from 'node:timers/promises'

import {asNpuBridgeError, type ErrorReport, NpuBridgeError} from '../errors.ts'

interface Response {
  readonly id: number
  readonly value: unknown
  readonly error?: ErrorReport
}

/** What any answer may take: a model that is compiled for the first time takes long. */
const LIMIT_MS = 120_000
const GOODBYE_MS = 3000

export class ChildProgram implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  #requests = 0

  /** @param program the file of the program, which calls {@link answerRequests} */
  constructor(program: string) {
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

  get pid(): number | undefined {
    return this.#child.pid
  }

  /**
   * @param request an object that JSON can say
   * @throws {NpuBridgeError} what the program fails with; DEADLINE_EXCEEDED after two minutes, INTERNAL when it is gone
   */
  async ask(request: object): Promise<unknown> {
    const id = this.#requests++
    const pending = Promise.withResolvers<unknown>()
    this.#pending.set(id, pending)
    const timer = globalThis.setTimeout(() => {
      this.#pending.delete(id)
      pending.reject(new NpuBridgeError('DEADLINE_EXCEEDED', `${this.#name} gave no answer within ${LIMIT_MS} ms`))
    }, LIMIT_MS)
    this.#child.send({...request, id}, (error) => {
      if (error) pending.reject(new NpuBridgeError('INTERNAL', `${this.#name} takes no requests: ${error.message}`))
    })
    return pending.promise.finally(() => {
      clearTimeout(timer)
    })
  }

  /** Asks it to close, and ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => {
        resolve()
      })
    })
    await Promise.race([this.ask({type: 'close'}).catch(() => null), setTimeout(GOODBYE_MS, null, {ref: false})])
    this.#child.kill('SIGKILL')
    await ended
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

/** Makes this process one that answers requests: each is answered, whatever happens, because whoever asked waits for it. */
export function answerRequests<Request extends object>(answer: (request: Request) => Promise<unknown>): void {
  const respond = async (request: Request & {readonly id: number}) => {
    const {id} = request
    const response: Response = await answer(request)
      .then((value) => ({id, value}))
      .catch((error: unknown) => ({id, value: null, error: asNpuBridgeError(error).toJSON()}))
    process.send!(response)
  }

  process.on('message', (request: Request & {readonly id: number}) => {
    void respond(request)
  })
  // Whoever asked is gone.
  process.on('disconnect', () => process.exit())
}
